/**
 * Who holds how many connections. A network (an IPv4 address, an IPv6 /64) has its own maximum; where all are
 * taken, who holds few still comes in: the network that holds most loses its oldest idle one.
 *
 *   accepted ▶ of this network ▶ of all ▶ pace ▶ handshakes ▶ TLS ▶ requests
 *                   └── closed ────┴── closed, or another one in its place
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { createArrivals } from './arrivals.ts';
import type { EdgeLimits } from './limits.ts';

/**
 * Why a connection was closed: its network or all together hold too many; it was idle and had to make
 * room; new ones came too fast; too many handshakes were begun and not finished; its TLS handshake failed;
 * its caller did not take an answer, left before it, or had to give way with a large one.
 */
export type ConnectionFault =
  | 'network'
  | 'total'
  | 'displaced'
  | 'pace'
  | 'unfinished'
  | 'handshake'
  | 'unread';

export interface Caller {
  /** IP address; an IPv4 address is never written as IPv6. */
  readonly address: string;
  readonly network: string;
  /** Calls on this connection whose response is not yet written out. */
  calls: number;
  /** Those of them that the guard has. */
  asked: number;
  /** Its last answer is written: what was pipelined behind it must not be read. */
  ending: boolean;
}

interface Held extends Caller {
  readonly socket: Socket;
  readonly name: string;
}

export interface Connections {
  readonly size: number;
  /** TLS handshakes that are not finished. */
  readonly unfinished: number;
  /** Who is at the other end of a socket that `server` gave out. */
  of(socket: Duplex): Caller;
  closeAll(): void;
}

/** Puts itself before the server's own listener, so that what is refused costs no TLS. */
export function watchConnections(
  server: Server,
  bounds: EdgeLimits,
  onFault: (fault: ConnectionFault, network: string) => void,
): Connections {
  const held = new Map<string, Held>();
  const networks = new Map<string, Set<Held>>();
  const known = new WeakMap<Duplex, Caller>();
  const arrivals = createArrivals<Held>(bounds);
  const isTls = server instanceof TlsServer;

  const admit = (socket: Socket): boolean => {
    const address = plainAddress(socket.remoteAddress);
    const network = networkOf(address);
    const mine = networks.get(network) ?? new Set<Held>();
    const fault = whyNot(mine) ?? (arrivals.pace(network, performance.now()) ? undefined : 'pace');
    if (fault) return refuse(socket, fault, network);
    const name = nameOf(socket);
    const one = { socket, name, address, network, calls: 0, asked: 0, ending: false };
    const inItsPlace = isTls ? arrivals.begin(one) : undefined;
    if (inItsPlace === one) return refuse(socket, 'unfinished', network);
    if (inItsPlace) {
      forget(inItsPlace);
      refuse(inItsPlace.socket, 'unfinished', inItsPlace.network);
    }
    held.set(name, one);
    networks.set(network, mine.add(one));
    socket.once('close', () => forget(one));
    return true;
  };
  const refuse = (socket: Socket, fault: ConnectionFault, network: string): false => {
    onFault(fault, network);
    socket.resetAndDestroy();
    return false;
  };
  const whyNot = (mine: ReadonlySet<Held>): ConnectionFault | undefined => {
    if (mine.size >= bounds.edgeConnectionsPerNetworkMax) return 'network';
    if (held.size < bounds.edgeConnectionsMax) return undefined;
    const richest = [...networks.values()].reduce((a, b) => (b.size > a.size ? b : a), mine);
    if (richest.size <= mine.size + 1) return 'total';
    const idle = richest.values().find((one) => one.asked === 0);
    if (!idle) return 'total';
    forget(idle);
    refuse(idle.socket, 'displaced', idle.network);
    return undefined;
  };
  const forget = (one: Held): void => {
    arrivals.finish(one);
    if (held.get(one.name) === one) held.delete(one.name);
    const mine = networks.get(one.network);
    mine?.delete(one);
    if (mine?.size === 0) networks.delete(one.network);
  };

  const listeners = server.listeners('connection');
  server.removeAllListeners('connection').on('connection', (socket: Socket) => {
    if (admit(socket)) for (const listener of listeners) listener.call(server, socket);
  });
  server.on('secureConnection', (socket: Socket) => {
    const one = held.get(nameOf(socket));
    if (one) arrivals.finish(one);
  });
  server.on('tlsClientError', (_error, socket) =>
    onFault('handshake', networkOf(plainAddress(socket.remoteAddress))),
  );
  return {
    get size() {
      return held.size;
    },
    get unfinished() {
      return arrivals.size;
    },
    of(socket) {
      const caller = known.get(socket);
      if (caller) return caller;
      // A TLS socket does not tell which socket it is on: both have the same far end.
      const found = held.get(nameOf(socket as Socket)) ?? gone;
      if (found !== gone) known.set(socket, found);
      return found;
    },
    closeAll() {
      for (const one of [...held.values()]) one.socket.destroy();
    },
  };
}

const gone: Caller = { address: '', network: '', calls: 0, asked: 0, ending: true };

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function plainAddress(address = ''): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** One subscriber has one IPv4 address, or the 2^64 IPv6 addresses of a /64. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
