/** A service that does what a service must not: one way for each number in the path. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface IllService {
  readonly url: string;
  /** `GET 7` → how often it was asked for that. */
  readonly asked: ReadonlyMap<string, number>;
  /** Bytes that it managed to send. */
  readonly sentBytes: number;
  close(): Promise<void>;
}

/** What it does with the connection of a request. */
export type Illness = (socket: Socket) => void;

/** Reads a request's head, notes it, and is ill as its number in the path says. */
export async function startIllService(illnesses: readonly Illness[]): Promise<IllService> {
  const asked = new Map<string, number>();
  const sockets = new Set<Socket>();
  let sentBytes = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      sentBytes += socket.bytesWritten;
    });
    socket.on('data', (chunk) => {
      const [, method, number] = /^(GET|POST) \/ill\/c-0*(\d+)\b/.exec(chunk.toString()) ?? [];
      if (number === undefined) return;
      const what = `${method} ${number}`;
      asked.set(what, (asked.get(what) ?? 0) + 1);
      illnesses[Number(number)]?.(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    get sentBytes() {
      return [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, sentBytes);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Head of an answer with JSON, further header lines between. */
export const headOf = (...lines: string[]): string =>
  ['HTTP/1.1 201 Created', 'content-type: application/json', ...lines, '', ''].join('\r\n');

/** Writes the same piece again and again, as fast as it is read, until the connection ends. */
export function forEver(piece: string, before = ''): Illness {
  return (socket) => {
    socket.write(before);
    const more = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    more();
  };
}

/** Writes the same piece every `everyMs` until the connection ends. */
export function drip(piece: string, everyMs: number, before = ''): Illness {
  return (socket) => {
    socket.write(before);
    const timer = setInterval(() => socket.write(piece), everyMs);
    socket.once('close', () => clearInterval(timer));
  };
}
