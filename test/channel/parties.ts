/** The two nodes of link tests: each with its own CA and transport certificate. */
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { LinkIdentity, LinkPeer } from '@sallyport/shared/channel/link/peer.ts';
import { withCa } from './certificates.ts';

export const outer = withCa('outer-1 CA', (ca) => ({
  caPem: ca.caPem,
  identity: ca.issue({ cn: 'outer-1', san: 'DNS:outer-1' }),
  /** Certificates of the same CA that must not do. */
  otherNode: ca.issue({ cn: 'outer-2', san: 'DNS:outer-2' }),
  otherSan: ca.issue({ cn: 'outer-1', san: 'DNS:outer-2' }),
  expired: ca.issue({ cn: 'outer-1', days: -1 }),
  serverOnly: ca.issue({ cn: 'outer-1', usage: 'serverAuth' }),
  anyUse: ca.issue({ cn: 'outer-1', usage: '' }),
}));

export const inner = withCa('inner-1 CA', (ca) => ({
  caPem: ca.caPem,
  identity: ca.issue({ cn: 'inner-1' }),
  otherNode: ca.issue({ cn: 'inner-2' }),
  expired: ca.issue({ cn: 'inner-1', days: -1 }),
  clientOnly: ca.issue({ cn: 'inner-1', usage: 'clientAuth' }),
  anyUse: ca.issue({ cn: 'inner-1', usage: '' }),
}));

/** A CA of the same name and with the same subject names, but another key. */
export const impostor = withCa('outer-1 CA', (ca) => ({
  caPem: ca.caPem,
  identity: ca.issue({ cn: 'outer-1', san: 'DNS:outer-1' }),
  server: ca.issue({ cn: 'inner-1' }),
}));

export const outerAsPeer: LinkPeer = { nodeId: 'outer-1', caPem: outer.caPem };
export const innerAsPeer: LinkPeer = { nodeId: 'inner-1', caPem: inner.caPem };

/** A bare client of a receiver, to do what the sender never would. */
export function dialRaw(
  port: number,
  identity: LinkIdentity | undefined,
  options: ConnectionOptions = {},
): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: [inner.caPem],
    servername: 'inner-1',
    ALPNProtocols: ['sallyport/1'],
    ...identity,
    ...options,
  });
  socket.on('error', () => {});
  socket.resume();
  return socket;
}

/** Resolves when the socket is closed, in order or not. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
