/** A cable between two nodes that can be pulled, or go silent: a TCP proxy that understands nothing. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Cable {
  readonly port: number;
  /** Breaks what is connected and lets nobody connect until `plug`. */
  pull(): void;
  plug(): void;
  /** Carries nothing either way, and says nothing of it, until `resume`. */
  silence(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Lays a cable to a port of this machine. */
export async function layCable(toPort: number): Promise<Cable> {
  const ends = new Set<Socket>();
  let state: 'plugged' | 'pulled' | 'silent' = 'plugged';
  const server = createServer((near) => {
    if (state === 'pulled') return near.destroy();
    const far = connect(toPort, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        ends.delete(one);
        other.destroy();
      });
      one.pipe(other);
      if (state === 'silent') one.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    pull() {
      state = 'pulled';
      for (const end of ends) end.destroy();
    },
    plug() {
      state = 'plugged';
    },
    silence() {
      state = 'silent';
      for (const end of ends) end.pause();
    },
    resume() {
      state = 'plugged';
      for (const end of ends) end.resume();
    },
    close: () =>
      new Promise((resolve) => {
        for (const end of ends) end.destroy();
        server.close(() => resolve());
      }),
  };
}
