/** The two requests that the signer takes, checked to the last byte before the token hears of them. */
import { ECDH } from 'node:crypto';
import { SallyportError } from '../../errors.ts';
import type { RuntimeKey } from './keeper.ts';

export type SignerVerb = 'sign' | 'derive';

/** Which key may do what is fixed here; a running node has no use for the CA key. */
const verbOf: Readonly<Record<RuntimeKey, SignerVerb>> = {
  sign: 'sign',
  audit: 'sign',
  decrypt: 'derive',
};

/**
 * Head `{key}`, body a 32-byte digest (sign) or a 65-byte point on P-256 (derive).
 * Errors in check order: IPC_FRAME (shape of the head), IPC_VERB (key and verb), IPC_FRAME (body).
 */
export function readRequest(verb: SignerVerb, head: unknown, body: Buffer): RuntimeKey {
  const key = readKey(head);
  if (verbOf[key] !== verb) throw new SallyportError('IPC_VERB', `the key ${key} may not ${verb}`);
  const isFit = verb === 'sign' ? body.length === 32 : isPoint(body);
  if (isFit) return key;
  const wanted = verb === 'sign' ? 'a digest of 32 bytes' : 'an uncompressed point on P-256';
  throw new SallyportError('IPC_FRAME', `expected ${wanted}, got ${body.length} bytes`);
}

function readKey(head: unknown): RuntimeKey {
  const isObject = typeof head === 'object' && head !== null && !Array.isArray(head);
  if (!isObject || Object.keys(head).join() !== 'key') {
    throw new SallyportError('IPC_FRAME', 'expected a head with a key and nothing else');
  }
  const { key } = head as { key: unknown };
  if (typeof key === 'string' && Object.hasOwn(verbOf, key)) return key as RuntimeKey;
  throw new SallyportError('IPC_VERB', 'expected the key sign, audit or decrypt, got another');
}

function isPoint(body: Buffer): boolean {
  if (body.length !== 65 || body[0] !== 4) return false;
  try {
    ECDH.convertKey(body, 'prime256v1', undefined, undefined, 'uncompressed');
    return true;
  } catch {
    return false;
  }
}
