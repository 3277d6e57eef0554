/**
 * JSON Web Tokens (RFC 7519) of an issuer that the policy names, with the keys that it names. Nothing of a
 * token chooses how it is verified: the algorithm is that of the key, and no key is fetched or taken from a
 * token. The claims are read after the signature holds.
 */
import type { KeyObject } from 'node:crypto';
import { parseJson } from '../content/json.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { tokenAlgorithms } from './algorithms.ts';
import type { TokenCredential, TokenKey } from './credential.ts';

/** One key of one issuer, with those whom it vouches for. */
export interface TokenHolder {
  readonly consumer: string;
  readonly credential: TokenCredential;
  readonly tokenKey: TokenKey;
  readonly key: KeyObject;
}

const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * `lateMs` as for a signature. Errors in check order: TOKEN_REFUSED (form, header, no such key, signature,
 * claims), TOKEN_STALE, CREDENTIAL_UNKNOWN, CREDENTIAL_EXPIRED.
 */
export function verifyToken(
  holders: readonly TokenHolder[],
  token: string,
  { nowMs, lateMs }: { readonly nowMs: number; readonly lateMs: number },
): TokenHolder {
  if (token.length > limits.tokenBytesMax || !compact.test(token)) throw refused('a compact JWS');
  const [head = '', payload = '', signature = ''] = token.split('.');
  const { alg, kid } = readHeader(head);
  const candidates = holders.filter(
    ({ tokenKey }) => tokenKey.algorithm === alg && (kid === undefined || tokenKey.kid === kid),
  );
  const signed = Buffer.from(`${head}.${payload}`);
  const proof = Buffer.from(signature, 'base64url');
  const keys = new Map(candidates.map((one) => [one.tokenKey.publicKey, one]));
  if (keys.size > limits.tokenTriesMax) throw refused('a kid that says which key it is');
  const fitting = keys
    .values()
    .find(({ tokenKey, key }) => tokenAlgorithms[tokenKey.algorithm].verify(key, signed, proof));
  if (!fitting) throw refused('a signature by a key of the policy');
  const claims = readObject(payload);
  expectTimes(claims, nowMs, lateMs);
  const { publicKey } = fitting.tokenKey;
  const holder = candidates.find(
    ({ credential, tokenKey }) =>
      tokenKey.publicKey === publicKey &&
      claims.iss === credential.issuer &&
      claims.sub === credential.subject &&
      isFor(claims.aud, credential.audience),
  );
  if (!holder) {
    throw new SallyportError(
      'CREDENTIAL_UNKNOWN',
      'expected issuer, audience and subject of the policy, got others',
    );
  }
  if (nowMs >= (holder.credential.untilMs ?? Number.POSITIVE_INFINITY)) {
    throw new SallyportError('CREDENTIAL_EXPIRED', 'expected a credential in force');
  }
  return holder;
}

/** Errors: TOKEN_REFUSED for an algorithm that no key can have, or an extension that must be understood. */
function readHeader(text: string): { alg: string; kid: string | undefined } {
  const { alg, kid, typ, crit, b64 } = readObject(text);
  if (typeof alg !== 'string' || !Object.hasOwn(tokenAlgorithms, alg)) {
    throw refused(`an algorithm of ${Object.keys(tokenAlgorithms).join(', ')}`);
  }
  if (crit !== undefined || b64 !== undefined) throw refused('no critical extension');
  if (typ !== undefined && !/^(?:application\/)?(?:at\+)?jwt$/i.test(String(typ))) {
    throw refused('the type JWT');
  }
  if (kid !== undefined && typeof kid !== 'string') throw refused('a text as kid');
  return { alg, kid };
}

function expectTimes(
  { exp, nbf, iat }: Readonly<Record<string, unknown>>,
  nowMs: number,
  lateMs: number,
): void {
  const seconds = (value: unknown): number => {
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value * 1000;
    throw refused('exp, and numbers of seconds as times');
  };
  const skewMs = limits.signatureSkewMs;
  const isOver = nowMs >= seconds(exp) + skewMs + lateMs;
  const isEarly = [nbf, iat].some((time) => time !== undefined && nowMs + skewMs < seconds(time));
  if (isOver || isEarly) {
    throw new SallyportError('TOKEN_STALE', 'expected a token of now, got another', {
      hint: 'check the clocks of the issuer and of this node',
    });
  }
}

function isFor(aud: unknown, audience: string): boolean {
  return aud === audience || (Array.isArray(aud) && aud.includes(audience));
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  const bytes = Buffer.from(text, 'base64url');
  let value: unknown;
  try {
    value =
      bytes.toString('base64url') === text ? parseJson(bytes, limits.tokenBytesMax) : undefined;
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refused('base64url of a JSON object');
  }
  return value as Record<string, unknown>;
}

function refused(expected: string): SallyportError {
  return new SallyportError('TOKEN_REFUSED', `expected ${expected}`, {
    hint: 'docs/spec/accounts.md says what a token must be',
  });
}
