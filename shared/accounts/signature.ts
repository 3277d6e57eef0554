/**
 * Is this request signed by a consumer of the policy, now, and as a whole? Both nodes ask it,
 * each by its own copy of the policy: the outer one of what came, the inner one of what the outer
 * one says that came.
 *
 *   parse ▶ one known keyid ▶ what must be covered ▶ time ▶ signature ▶ digest of the body
 */
import type { KeyObject } from 'node:crypto';
import { hash } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { signatureAlgorithms } from './algorithms.ts';
import { expectDigest } from './content-digest.ts';
import type { SignatureCredential } from './credential.ts';
import type { SignedRequest } from './signature-base.ts';
import { authorityOf, requestComponent, signatureBase, splitTarget } from './signature-base.ts';
import { parseSignatures, refused, type SignatureInput } from './signature-input.ts';

export interface SignatureHolder {
  readonly consumer: string;
  readonly credential: SignatureCredential;
  readonly key: KeyObject;
}

export interface VerifiedSignature {
  readonly holder: SignatureHolder;
  /** Names of header fields that are covered: no other may cross. */
  readonly covered: ReadonlySet<string>;
  readonly use: SignatureUse;
}

/** A signature is used once. */
export interface SignatureUse {
  /** 128 bits over key and nonce, base64url. */
  readonly key: string;
  /** From then on the signature itself is too old, and its use can be forgotten. */
  readonly untilMs: number;
}

/**
 * `lateMs`: how long after its time a signature still counts, for a node that hears of the
 * request later. Errors in check order: SIGNATURE_REFUSED, CREDENTIAL_UNKNOWN,
 * CREDENTIAL_EXPIRED, SIGNATURE_REFUSED (what is not covered), SIGNATURE_STALE, SIGNATURE_REFUSED
 * (the signature itself), DIGEST_REFUSED.
 */
export function verifySignature(
  holders: ReadonlyMap<string, SignatureHolder>,
  request: SignedRequest & { readonly body: Uint8Array },
  { nowMs, lateMs }: { readonly nowMs: number; readonly lateMs: number },
): VerifiedSignature {
  const { input, holder } = choose(holders, request);
  const { credential, key } = holder;
  if (nowMs >= (credential.untilMs ?? Number.POSITIVE_INFINITY)) {
    throw new SallyportError(
      'CREDENTIAL_EXPIRED',
      'expected a key in force, got one after its end',
    );
  }
  if (input.alg !== undefined && input.alg !== credential.algorithm) {
    throw refused('the algorithm that the policy gives this key');
  }
  const covered = expectCovered(input, request, credential);
  const untilMs = expectTime(input, credential, nowMs, lateMs);
  const nonce = expectNonce(input);
  const base = signatureBase(input, requestComponent(request));
  const { verify } = signatureAlgorithms[credential.algorithm];
  if (!verify(key, Buffer.from(base, 'latin1'), input.signature))
    throw refused('a signature that fits');
  if (covered.has('content-digest')) {
    expectDigest(request.fields['content-digest'] ?? '', request.body);
  }
  const id = hash('sha256', `${credential.keyid}\0${nonce}`, 'base64url').slice(0, 22);
  return { holder, covered, use: { key: id, untilMs } };
}

/**
 * Signatures of others, such as proxies on the way, are none of ours; of ours there must be one.
 */
function choose(holders: ReadonlyMap<string, SignatureHolder>, { fields }: SignedRequest) {
  const [text, signature] = [fields['signature-input'], fields.signature];
  if (text === undefined || signature === undefined) {
    throw refused('both Signature-Input and Signature');
  }
  const known = parseSignatures(text, signature).flatMap((input) => {
    const holder = holders.get(input.keyid);
    return holder ? [{ input, holder }] : [];
  });
  const [one, ...more] = known;
  if (!one) {
    throw new SallyportError('CREDENTIAL_UNKNOWN', 'expected a keyid of the policy, got another');
  }
  if (more.length > 0) throw refused('one signature by a key of the policy');
  return one;
}

/** What is not signed could be changed on the way, so all that has a meaning must be. */
function expectCovered(
  { components }: SignatureInput,
  request: SignedRequest & { readonly body: Uint8Array },
  credential: SignatureCredential,
): ReadonlySet<string> {
  const names = new Set(components.flatMap(({ name, parameter }) => (parameter ? [] : [name])));
  const need = (name: string): void => {
    if (!names.has(name)) throw refused(`${name} to be covered`);
  };
  need('@method');
  if (!names.has('@target-uri') && !names.has('@request-target')) {
    need('@path');
    if (splitTarget(request.target).query !== undefined) need('@query');
  }
  if (request.body.length > 0) {
    need('content-digest');
    need('content-type');
  }
  if (credential.authority !== undefined) {
    if (!names.has('@target-uri')) need('@authority');
    if (authorityOf(request) !== credential.authority) throw refused('the name of this gateway');
  }
  for (const name of credential.components) need(name);
  return new Set([...names].filter((name) => !name.startsWith('@')));
}

/** Until when the signature counts. Errors: SIGNATURE_REFUSED, SIGNATURE_STALE. */
function expectTime(
  { created, expires }: SignatureInput,
  { maxAgeMs }: SignatureCredential,
  nowMs: number,
  lateMs: number,
): number {
  if (created === undefined) throw refused('the time when it was created');
  const endMs = Math.min(
    created * 1000 + maxAgeMs + lateMs,
    expires === undefined ? Number.POSITIVE_INFINITY : expires * 1000,
  );
  const untilMs = endMs + limits.signatureSkewMs;
  if (nowMs + limits.signatureSkewMs < created * 1000 || nowMs >= untilMs) {
    throw new SallyportError('SIGNATURE_STALE', 'expected a signature of now, got another', {
      hint: 'check the clocks of the consumer and of this node, and maxAgeMs of the credential',
    });
  }
  return untilMs;
}

function expectNonce({ nonce }: SignatureInput): string {
  const { signatureNonceMin, signatureNonceMax } = limits;
  if (
    nonce !== undefined &&
    nonce.length >= signatureNonceMin &&
    nonce.length <= signatureNonceMax
  ) {
    return nonce;
  }
  throw refused(`a nonce of ${signatureNonceMin} to ${signatureNonceMax} characters`);
}
