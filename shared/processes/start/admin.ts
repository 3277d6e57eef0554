import { type Peer, readPeer } from '../../pairing/peer.ts';
import { runAdmin } from '../admin/run.ts';
import type { Start } from '../node.ts';

/** Runs without a peer as well: that is what the operator needs it for. */
export const start: Start = async ({ home: { paths, config }, wires, log }) => {
  let peer: Peer | undefined;
  try {
    peer = readPeer(paths, config);
  } catch (thrown) {
    log.warn({ err: thrown }, 'no peer');
  }
  return runAdmin({ dir: '.', config, peer, wires, log });
};
