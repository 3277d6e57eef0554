/** Unix sockets between the processes of one node: `run/<process>.sock` in the node's home, mode 0600. */
import { chmodSync, renameSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { createPeer, type Handlers, type IpcPeer } from './peer.ts';

export interface IpcServer {
  readonly peers: ReadonlySet<IpcPeer>;
  close(): Promise<void>;
}

/**
 * Listens at `path`, which it takes over from whoever had it. The socket is bound under another name and
 * renamed: closing removes the name that was bound, so that a process that is slow to end does not take
 * the socket of the one that came after it.
 */
export function listen(
  path: string,
  handlers: Handlers,
  onPeer: { joined?: (peer: IpcPeer) => void; left?: (peer: IpcPeer) => void } = {},
): Promise<IpcServer> {
  const bound = `${path}.${process.pid}`;
  rmSync(bound, { force: true });
  const peers = new Set<IpcPeer>();
  const server: Server = createServer((socket) => {
    const peer: IpcPeer = createPeer(socket, handlers, () => {
      peers.delete(peer);
      onPeer.left?.(peer);
    });
    peers.add(peer);
    onPeer.joined?.(peer);
  });
  server.maxConnections = limits.ipcConnectionsMax;
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new SallyportError('IPC_LOST', `cannot listen at ${path}`, { cause })),
    );
    server.listen(bound, () => {
      chmodSync(bound, 0o600);
      renameSync(bound, path);
      resolve({
        peers,
        close: () =>
          new Promise((done) => {
            for (const peer of peers) peer.close();
            server.close(() => done());
          }),
      });
    });
  });
}

/** Connects once. IPC_LOST where nobody listens. */
export function connectOnce(
  path: string,
  handlers: Handlers = {},
  onClose: () => void = () => {},
): Promise<IpcPeer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const fail = (cause: Error): void =>
      reject(new SallyportError('IPC_LOST', `nobody listens at ${path}`, { cause }));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      resolve(createPeer(socket, handlers, onClose));
    });
  });
}

export interface IpcLink extends IpcPeer {
  readonly connected: boolean;
}

/** A client end that reconnects for ever. While it is down, requests fail with IPC_LOST. */
export function connect(
  path: string,
  handlers: Handlers = {},
  on: { up?: (peer: IpcPeer) => void; down?: () => void } = {},
): IpcLink {
  let peer: IpcPeer | undefined;
  let stopped = false;
  let delayMs = 10;
  const open = (): void => {
    if (stopped) return;
    connectOnce(path, handlers, lost).then(
      (fresh) => {
        if (stopped) return fresh.close();
        peer = fresh;
        delayMs = 10;
        on.up?.(fresh);
      },
      () => again(),
    );
  };
  const again = (): void => {
    if (stopped) return;
    setTimeout(open, delayMs);
    delayMs = Math.min(delayMs * 2, limits.ipcReconnectMaxMs);
  };
  const lost = (): void => {
    peer = undefined;
    on.down?.();
    again();
  };
  open();
  return {
    request(verb, head, body, timeoutMs) {
      if (peer) return peer.request(verb, head, body, timeoutMs);
      return Promise.reject(new SallyportError('IPC_LOST', `nobody listens at ${path}`));
    },
    notify: (verb, head, body) => peer?.notify(verb, head, body),
    close() {
      stopped = true;
      peer?.close();
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
}
