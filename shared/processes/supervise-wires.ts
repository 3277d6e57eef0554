/**
 * Makes the wires of a node and hands their ends out. Each wire is a fresh pair of sockets whenever one of
 * its two processes starts, or says that its end was cut; the other process keeps running.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import type { ProcessName } from '../config/home.ts';
import { limits } from '../limits.ts';
import { neighbours } from './wires.ts';

/** Hands `socket` to a process as its end of the wire to `other`; `gone` is called once it has left. */
export type HandOver = (other: ProcessName, socket: Socket, gone: () => void) => void;

export interface Switchboard {
  /** A process has started: it is wired with all that run. */
  join(name: ProcessName, handOver: HandOver): void;
  /** It has ended. */
  leave(name: ProcessName): void;
  /** It says that its wire to `other` was cut. */
  cut(name: ProcessName, other: ProcessName): void;
}

interface Plugged {
  readonly handOver: HandOver;
  /** Not handed over yet: closed with the process, for an end that nobody holds must not look alive. */
  readonly waiting: Set<Socket>;
}

/** `dir` is the directory where the pairs are made; nothing stays there. */
export function createSwitchboard(dir: string): Switchboard {
  const plugged = new Map<ProcessName, Plugged>();
  const rewiring = new Map<string, NodeJS.Timeout>();

  const wire = async (one: ProcessName, other: ProcessName): Promise<void> => {
    clearTimeout(rewiring.get(keyOf(one, other)));
    rewiring.delete(keyOf(one, other));
    const ends = [
      { name: one, to: other, process: plugged.get(one) },
      { name: other, to: one, process: plugged.get(other) },
    ];
    if (ends.some((end) => !end.process)) return;
    const pair = await makePair(dir);
    for (const [at, { name, to, process }] of ends.entries()) {
      const socket = pair[at as 0 | 1];
      if (!process || plugged.get(name) !== process) {
        socket.destroy();
        continue;
      }
      process.waiting.add(socket);
      process.handOver(to, socket, () => process.waiting.delete(socket));
    }
  };
  /** Later and once, however often and from both ends it is asked for; again where no pair was to be had. */
  const rewire = (one: ProcessName, other: ProcessName): void => {
    const key = keyOf(one, other);
    if (rewiring.has(key)) return;
    const again = (): void => void wire(one, other).catch(() => rewire(one, other));
    rewiring.set(key, setTimeout(again, limits.rewireMs).unref());
  };
  return {
    join(name, handOver) {
      plugged.set(name, { handOver, waiting: new Set() });
      for (const other of neighbours(name)) wire(name, other).catch(() => rewire(name, other));
    },
    leave(name) {
      const waiting = plugged.get(name)?.waiting ?? [];
      plugged.delete(name);
      for (const socket of waiting) socket.destroy();
    },
    cut(name, other) {
      if (neighbours(name).includes(other)) rewire(name, other);
    },
  };
}

const keyOf = (one: ProcessName, other: ProcessName): string => [one, other].sort().join();

/**
 * Two connected sockets that nobody has read from. Node has no socketpair: they meet at a name that nobody
 * can guess, in a directory that only this user enters, and it is gone before they are handed out.
 */
export async function makePair(dir: string): Promise<readonly [Socket, Socket]> {
  const directory = openSync(dir, 'r');
  // Through the descriptor, for the path of a socket has room for about 100 bytes only.
  const path = `/proc/self/fd/${directory}/${randomBytes(16).toString('hex')}`;
  const server = createServer({ pauseOnConnect: true });
  const near = new Socket();
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', reject);
      near.once('error', reject);
      server.once('connection', (far: Socket) => {
        for (const socket of [far, near]) socket.on('error', () => {});
        // Else Node keeps a list of it in both processes, for a server that is long closed.
        Reflect.set(far, 'server', null);
        if (near.connecting) near.once('connect', () => resolve([near, far]));
        else resolve([near, far]);
      });
      server.listen(path, () => near.pause().connect(path));
    });
  } catch (thrown) {
    near.destroy();
    throw thrown;
  } finally {
    server.close();
    closeSync(directory);
  }
}
