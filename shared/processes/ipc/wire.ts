/**
 * A wire: the connection of this process with one other process of its node. Both of its ends are handed
 * out by the supervisor, so the wire itself says who is at the other end; nobody has to be believed.
 *
 *   open ──▶ plugged ──▶ up ──▶ cut (the other process ended, or one end gave up) ──▶ plugged anew ──▶ up …
 */
import type { Socket } from 'node:net';
import { SallyportError } from '../../errors.ts';
import { createPeer, type Handlers, type IpcPeer } from './peer.ts';

/** One wire as its process sees it. It outlives its sockets; while it is cut, requests fail with IPC_LOST. */
export interface IpcLink extends IpcPeer {
  readonly connected: boolean;
}

export interface WireEvents {
  readonly up?: (peer: IpcPeer) => void;
  readonly down?: () => void;
}

/** Takes a wire into use, once: what the other end may ask is `handlers` and nothing else. */
export type Wire = (handlers?: Handlers, on?: WireEvents) => IpcLink;

export interface WireEnd {
  readonly open: Wire;
  /** Gives the wire a socket, in place of the one that it may have. */
  plug(socket: Socket): void;
}

/** `tellCut` is called each time the wire needs a new socket. */
export function createWireEnd(name: string, tellCut: () => void): WireEnd {
  let use: { readonly handlers: Handlers; readonly on: WireEvents } | undefined;
  let peer: IpcPeer | undefined;
  let next: Socket | undefined;
  let stopped = false;

  const take = (): void => {
    const socket = next;
    if (!use || !socket || stopped) return;
    next = undefined;
    if (socket.destroyed) {
      tellCut();
      return;
    }
    const { handlers, on } = use;
    const fresh = createPeer(socket, handlers, () => {
      if (peer !== fresh) return;
      peer = undefined;
      on.down?.();
      if (!stopped) tellCut();
    });
    peer = fresh;
    socket.resume();
    on.up?.(fresh);
  };
  const drop = (): void => {
    const old = peer;
    peer = undefined;
    if (!old) return;
    old.close();
    use?.on.down?.();
  };
  const link: IpcLink = {
    request(verb, head, body, timeoutMs) {
      if (peer) return peer.request(verb, head, body, timeoutMs);
      return Promise.reject(new SallyportError('IPC_LOST', `${name} is away`));
    },
    notify: (verb, head, body) => peer?.notify(verb, head, body),
    close() {
      stopped = true;
      next?.destroy();
      drop();
    },
    get closed() {
      return stopped;
    },
    get unsentBytes() {
      return peer?.unsentBytes ?? 0;
    },
    get connected() {
      return peer !== undefined;
    },
  };
  return {
    open(handlers = {}, on = {}) {
      if (use) throw new SallyportError('INTERNAL', `the wire to ${name} is in use`);
      use = { handlers, on };
      setImmediate(take);
      return link;
    },
    plug(socket) {
      socket.on('error', () => {});
      if (stopped) return void socket.destroy();
      next?.destroy();
      next = socket;
      drop();
      // Whoever asked on the old socket hears of its loss before the new one is up.
      setImmediate(take);
    },
  };
}
