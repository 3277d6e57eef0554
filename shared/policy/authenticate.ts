/**
 * Who calls: by an API key, an HTTP Message Signature, a token or a client certificate, whichever
 * one the call shows. Two of them at once are refused: nobody should have to know which one
 * counts.
 */
import { timingSafeEqual } from 'node:crypto';
import { verifyClientCertificate } from '../accounts/certificate.ts';
import { type Credential, labelOf, pluginIdentity } from '../accounts/credential.ts';
import { type SignatureUse, verifySignature } from '../accounts/signature.ts';
import type { SignedRequest } from '../accounts/signature-base.ts';
import { verifyToken } from '../accounts/token.ts';
import { SallyportError } from '../errors.ts';
import type { Recognised } from './asked.ts';
import type { CompiledPolicy } from './compile.ts';
import { apiKeyId, hashApiKey } from './credentials.ts';

/** A consumer who proved who it is. */
export interface Consumer {
  readonly name: string;
  /** Which credential was used, such as `key 0a1b2c3d4e5f`: safe to log. */
  readonly credential: string;
  readonly type: Credential['type'];
  /** Of a signature: which header fields it covers, and that it is used now. */
  readonly signed?: { readonly covered: ReadonlySet<string>; readonly use: SignatureUse };
}

/** What a call shows of its caller. */
export interface Shown {
  readonly apiKey?: string | undefined;
  /** Set where the call has a signature. */
  readonly signed?: SignedRequest | undefined;
  /** A JWT. */
  readonly token?: string | undefined;
  /**
   * The client certificate and what came with it, DER in base64; the TLS handshake proved its
   * key.
   */
  readonly certificates?: readonly string[] | undefined;
  /** Whom a plug-in recognised by what the call shows. */
  readonly recognised?: Recognised | undefined;
  /** The bytes that came; none where absent. */
  readonly body?: Uint8Array;
  readonly nowMs: number;
  /**
   * How long after its end a signature, token or certificate still counts here; the guard at the boundary
   * gives no time.
   */
  readonly lateMs?: number;
}

/**
 * A certificate counts where nothing else is shown: it may only be there because the connection
 * has one. Errors in check order: CREDENTIAL_TWICE, CREDENTIAL_MISSING, then those of the
 * credential: CREDENTIAL_UNKNOWN, CREDENTIAL_EXPIRED, SIGNATURE_REFUSED, SIGNATURE_STALE,
 * DIGEST_REFUSED, TOKEN_REFUSED, TOKEN_STALE, CERTIFICATE_REFUSED.
 */
export function authenticate(compiled: CompiledPolicy, call: Shown): Consumer {
  const { accounts } = compiled;
  const {
    apiKey = '',
    signed,
    token = '',
    recognised,
    certificates = [],
    nowMs,
    lateMs = 0,
  } = call;
  const shows = [apiKey !== '', signed !== undefined, token !== '', recognised !== undefined];
  const count = shows.filter(Boolean).length;
  if (count > 1) {
    throw new SallyportError('CREDENTIAL_TWICE', `expected one credential, got ${count}`, {
      hint: 'send a key, a signature or a token, not several of them',
    });
  }
  const times = { nowMs, lateMs };
  if (apiKey !== '') return byKey(compiled, apiKey, nowMs);
  if (signed) {
    const { holder, ...proof } = verifySignature(
      accounts.signatures,
      { ...signed, body: call.body ?? noBody },
      times,
    );
    return { ...consumerOf(holder), signed: proof };
  }
  if (token !== '') return consumerOf(verifyToken(accounts.tokens, token, times));
  if (recognised !== undefined) return byPlugin(compiled, recognised, nowMs - lateMs);
  if (certificates.length > 0) {
    return consumerOf(verifyClientCertificate(accounts.certificates, certificates, times));
  }
  throw new SallyportError('CREDENTIAL_MISSING', 'expected a credential, got none', {
    hint: 'send an API key, a signature or a token, or connect with a client certificate',
  });
}

const noBody = new Uint8Array(0);

function consumerOf(holder: {
  readonly consumer: string;
  readonly credential: Credential;
}): Consumer {
  const { consumer, credential } = holder;
  return { name: consumer, type: credential.type, credential: labelOf(credential) };
}

/** Looked up by its id and compared in constant time. */
function byKey(
  { keys, hashKey }: Pick<CompiledPolicy, 'keys' | 'hashKey'>,
  apiKey: string,
  nowMs: number,
): Consumer {
  const id = apiKeyId(apiKey);
  if (id === undefined || hashKey === undefined) throw unknown();
  const hash = hashApiKey(hashKey, apiKey);
  const known = keys.get(id);
  if (known?.hash.length !== hash.length || !timingSafeEqual(known.hash, hash)) throw unknown();
  const { consumer, expiresAtMs = Number.POSITIVE_INFINITY } = known.record;
  if (nowMs >= expiresAtMs) {
    throw new SallyportError(
      'CREDENTIAL_EXPIRED',
      `expected a key in force, got ${id} after its end`,
      { hint: `issue a new key for ${consumer}` },
    );
  }
  return { name: consumer, type: 'key', credential: `key ${id}` };
}

/** `thenMs`: when the call may have been made. */
function byPlugin({ accounts }: CompiledPolicy, { plugin, id }: Recognised, thenMs: number) {
  const holder = accounts.plugins.get(pluginIdentity(plugin, id));
  if (holder === undefined) {
    throw new SallyportError(
      'CREDENTIAL_UNKNOWN',
      `expected a credential of ${plugin}, got another`,
      {
        hint: 'the policy names no consumer for what the plug-in gave',
      },
    );
  }
  if (thenMs >= (holder.credential.untilMs ?? Number.POSITIVE_INFINITY)) {
    throw new SallyportError(
      'CREDENTIAL_EXPIRED',
      'expected a credential in force, got an old one',
      {
        hint: `change "until" of the credential of ${holder.consumer}`,
      },
    );
  }
  return consumerOf(holder);
}

function unknown(): SallyportError {
  return new SallyportError('CREDENTIAL_UNKNOWN', 'expected a key of the policy, got another', {
    hint: 'check that the key was copied whole and that the policy with it was applied',
  });
}
