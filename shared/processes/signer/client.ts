/** The guard's end of the signer process: the Signer port over the local socket. */
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Signer } from '../../ports.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import type { SignerVerb } from './request.ts';

/** Errors: those of Hsm, IPC_LOST, IPC_TIMEOUT, IPC_FRAME (an answer of the wrong length). */
export function createSigner(peer: Pick<IpcPeer, 'request'>): Signer {
  const ask = async (verb: SignerVerb, key: string, body: Uint8Array, bytes: number) => {
    const answer = await peer.request(verb, { key }, body, limits.signerRequestTimeoutMs);
    if (answer.body.length === bytes) return answer.body;
    const got = answer.body.length;
    throw new SallyportError('IPC_FRAME', `expected ${bytes} bytes from the signer, got ${got}`);
  };
  return {
    sign: (key, digest) => ask('sign', key, digest, 64),
    derive: (key, point) => ask('derive', key, point, 32),
  };
}
