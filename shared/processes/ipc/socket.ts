/** The one unix socket of a node, for its command line: `run/admin.sock` in its home, mode 0600. */
import { chmodSync, renameSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { createPeer, type Handlers, type IpcPeer } from './peer.ts';

export interface IpcServer {
  close(): Promise<void>;
}

/**
 * Listens at `path`, which it takes over from whoever had it. The socket is bound under another name and
 * renamed: closing removes the name that was bound, so that a process that is slow to end does not take
 * the socket of the one that came after it.
 */
export function listen(path: string, handlers: Handlers): Promise<IpcServer> {
  const bound = `${path}.${process.pid}`;
  rmSync(bound, { force: true });
  const peers = new Set<IpcPeer>();
  const server: Server = createServer((socket) => {
    const peer: IpcPeer = createPeer(socket, handlers, () => peers.delete(peer));
    peers.add(peer);
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
