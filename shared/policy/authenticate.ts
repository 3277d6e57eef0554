/** Who calls: an API key, looked up by its id and compared in constant time. */
import { timingSafeEqual } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import type { CompiledPolicy } from './compile.ts';
import { apiKeyId, hashApiKey } from './credentials.ts';

/** A consumer who proved who it is. */
export interface Consumer {
  readonly name: string;
  /** Id of the key that was used: safe to log. */
  readonly keyId: string;
}

/** Errors in check order: CREDENTIAL_MISSING, CREDENTIAL_UNKNOWN, CREDENTIAL_EXPIRED. */
export function authenticate(
  compiled: CompiledPolicy,
  call: { readonly apiKey: string | undefined; readonly nowMs: number },
): Consumer {
  if (call.apiKey === undefined || call.apiKey === '') {
    throw new SallyportError('CREDENTIAL_MISSING', 'expected an API key, got none', {
      hint: 'send the key in the header that the edge names',
    });
  }
  const id = apiKeyId(call.apiKey);
  if (id === undefined || compiled.hashKey === undefined) throw unknown();
  const hash = hashApiKey(compiled.hashKey, call.apiKey);
  const known = compiled.keys.get(id);
  if (known?.hash.length !== hash.length || !timingSafeEqual(known.hash, hash)) throw unknown();
  const { consumer, expiresAtMs = Number.POSITIVE_INFINITY } = known.record;
  if (call.nowMs >= expiresAtMs) {
    throw new SallyportError(
      'CREDENTIAL_EXPIRED',
      `expected a key in force, got ${id} after its end`,
      {
        hint: `issue a new key for ${consumer}`,
      },
    );
  }
  return { name: consumer, keyId: id };
}

function unknown(): SallyportError {
  return new SallyportError('CREDENTIAL_UNKNOWN', 'expected a key of the policy, got another', {
    hint: 'check that the key was copied whole and that the policy with it was applied',
  });
}
