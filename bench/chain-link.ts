/**
 * One process of the chain (chain.ts). It passes a call on to the process of the next hop, over the sockets
 * and frames that the nodes use, and does what its hop says on the way.
 *
 *   parent ── connect ─▶ dials the processes that it names ── connected ─▶
 *          ── run ─────▶ the first alone: so many calls, one after the other ── result ─▶
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { openHsm } from '@sallyport/hsm/open.ts';
import { createPeer, type IpcPeer } from '@sallyport/shared/processes/ipc/peer.ts';
import Database from 'better-sqlite3';
import type { LinkConnect, LinkOptions, LinkResult, LinkRun } from './chain.ts';

const { dir, name, hops, hsm: config, key } = JSON.parse(process.argv[2] ?? '{}') as LinkOptions;
const body = Buffer.alloc(1024, 'x');
const digest = Buffer.alloc(32, 1);
const peers = new Map<string, IpcPeer>();
const hsm = config && (await openHsm(config));
const insert = openStore();
let ended = (): void => {};

function openStore() {
  if (!hops.some(([process, work]) => process === name && work === 'commit')) return undefined;
  const db = new Database(join(dir, `${name}.db`));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE call (id INTEGER PRIMARY KEY, body BLOB)');
  return db.prepare('INSERT INTO call (body) VALUES (?)');
}

async function pass(at: number): Promise<void> {
  const work = hops[at]?.[1];
  if (work === 'commit') insert?.run(body);
  if (work === 'sign') await hsm?.sign(key, digest);
  const next = hops[at + 1];
  if (next) peers.get(next[0])?.notify('pass', { at: at + 1 }, body);
  else ended();
}

function meet(socket: Socket, other: string): void {
  const handlers = { pass: (head: unknown) => void pass((head as { at: number }).at) };
  peers.set(
    other,
    createPeer(socket, handlers, () => process.exit()),
  );
}

async function run({ calls }: LinkRun): Promise<LinkResult> {
  const tookMs: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    const sentMs = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    ended = resolve;
    await Promise.all([pass(0), promise]);
    tookMs.push(performance.now() - sentMs);
  }
  tookMs.sort((a, b) => a - b);
  return { p50Ms: tookMs[calls >> 1] ?? 0 };
}

async function obey(order: LinkConnect | LinkRun): Promise<object> {
  if (order.kind === 'run') return run(order);
  for (const other of order.to) {
    const socket = connect(join(dir, `${other}.sock`));
    await once(socket, 'connect');
    socket.write(`${name}\n`);
    await once(socket, 'data'); // it knows this one now
    meet(socket, other);
  }
  return { connected: true };
}

const server = createServer((socket) => {
  socket.once('data', (first: Buffer) => {
    meet(socket, first.toString().trim());
    socket.write('\n');
  });
});
server.listen(join(dir, `${name}.sock`), () => process.send?.({ listening: true }));
process.on('message', (order: LinkConnect | LinkRun) => {
  void obey(order).then((told) => process.send?.(told));
});
process.on('disconnect', () => process.exit());
