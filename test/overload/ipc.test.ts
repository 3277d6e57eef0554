/** A peer that does not read: what is kept for it is bounded, and nobody waits for it for ever. */
import assert from 'node:assert/strict';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { createPeer, type IpcPeer } from '@sallyport/shared/processes/ipc/peer.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

const dir = temporaryFolder();
const body = Buffer.alloc(8 * 1024 * 1024);
const half = limits.ipcUnsentBytesMax / 2;
const closing: (() => void)[] = [];
after(() => {
  for (const close of closing) close();
});

/** Two ends: a peer, and a socket that reads only when it is told to. */
async function deafEnd(
  name: string,
): Promise<{ peer: IpcPeer; ear: Socket; ended: Promise<string> }> {
  const path = join(dir, name);
  const server: Server = createServer({ pauseOnConnect: true });
  const joined = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket = createConnection(path);
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const peer = createPeer(socket, {}, (error: SallyportError) => end(error.code));
  const ear = await joined;
  ear.on('error', () => {});
  closing.push(() => {
    peer.close();
    ear.destroy();
    server.close();
  });
  return { peer, ear, ended };
}

/** Asks until it is refused; returns how often it was not. */
async function askUntilRefused(peer: IpcPeer): Promise<number> {
  for (let asked = 0; ; asked += 1) {
    const answer = peer.request('anything', null, body).then(
      () => 'answered',
      ({ code }: SallyportError) => code,
    );
    const code = await Promise.race([answer, new Promise((next) => setImmediate(next))]);
    if (code !== undefined) {
      assert.equal(code, 'OVERLOADED');
      return asked;
    }
  }
}

test('beyond half of the room nothing is asked any more; when the peer reads it is again', async () => {
  const { peer, ear } = await deafEnd('reads-later');
  const asked = await askUntilRefused(peer);
  assert.ok(asked * body.length >= half - body.length, `${asked} requests were taken`);
  assert.ok(peer.unsentBytes <= half + 2 * body.length);
  ear.resume();
  await until(() => peer.unsentBytes === 0);
  ear.pause();
  assert.ok((await askUntilRefused(peer)) > 1);
});

test('a peer that takes no answers and no notices loses its line, and whoever waits is told', async () => {
  const { peer, ended } = await deafEnd('never-reads');
  const waits = peer.request('anything', null, body).catch(({ code }: SallyportError) => code);
  let told = 0;
  for (; !peer.closed && told < 1_000; told += 1) {
    peer.notify('news', null, body);
    assert.ok(peer.unsentBytes <= limits.ipcUnsentBytesMax + 2 * body.length);
    if (told % 4 === 0) await new Promise((next) => setImmediate(next));
  }
  assert.equal(await ended, 'IPC_LOST');
  assert.equal(await waits, 'IPC_LOST');
  assert.ok(told * body.length >= half, 'it was given time to read');
});
