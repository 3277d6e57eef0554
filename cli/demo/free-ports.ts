import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below what Linux gives to connections, one of which could take a port before its node does. */
const range = { from: 10_000, to: 32_000 };

/** So many different ports of 127.0.0.1 on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const taken = new Map<number, Server>();
  while (taken.size < count) {
    const port = range.from + Math.floor(Math.random() * (range.to - range.from));
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening').then(
      () => taken.set(port, server),
      (thrown) => {
        if (thrown.code !== 'EADDRINUSE') throw thrown;
      },
    );
  }
  await Promise.all([...taken.values()].map((server) => once(server.close(), 'close')));
  return [...taken.keys()];
}
