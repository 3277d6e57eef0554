/** The two requests that the signer takes, checked before the key store hears of them. */
import { SallyportError } from '../../errors.ts';
import type { RuntimeKey } from './keeper.ts';

export type SignerVerb = 'sign' | 'derive';

const bodyBytes: Readonly<Record<SignerVerb, number>> = { sign: 32, derive: 65 };

/** Which key may do what is fixed here; a running node has no use for the CA key. */
const verbOf: Readonly<Record<RuntimeKey, SignerVerb>> = {
  sign: 'sign',
  audit: 'sign',
  decrypt: 'derive',
};

/**
 * Head `{key}`, body a 32-byte digest (sign) or a 65-byte point (derive; that it is on P-256
 * is the key store's check).
 * Errors in check order: IPC_FRAME (shape of the head), IPC_VERB (key and verb), IPC_FRAME (body).
 */
export function readRequest(verb: SignerVerb, head: unknown, body: Buffer): RuntimeKey {
  const key = readKey(head);
  if (verbOf[key] !== verb) throw new SallyportError('IPC_VERB', `the key ${key} may not ${verb}`);
  if (body.length === bodyBytes[verb]) return key;
  throw new SallyportError('IPC_FRAME', `expected ${bodyBytes[verb]} bytes, got ${body.length}`);
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
