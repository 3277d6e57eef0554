import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import {
  createFrameReader,
  encodeFrame,
  type Frame,
} from '@sallyport/shared/processes/ipc/frame.ts';
import type { Handlers } from '@sallyport/shared/processes/ipc/peer.ts';
import { connectOnce, listen } from '@sallyport/shared/processes/ipc/socket.ts';
import fc from 'fast-check';
import { temporaryFolder } from '../temporary-folder.ts';

const dir = temporaryFolder();
let sockets = 0;
const freshPath = (): string => join(dir, `${sockets++}.sock`);

const echo: Handlers = {
  echo: (head, body) => ({ head, body }),
  fail: () => {
    throw new SallyportError('STORE_FULL', 'no room', { hint: 'make room' });
  },
  break: () => {
    throw new TypeError('a secret is in here');
  },
  silent: () => new Promise(() => {}),
};

test('frames survive any cutting of the stream', () => {
  const frames = [
    encodeFrame('request', 1, ['a', { x: 1 }], Buffer.from('body')),
    encodeFrame('notify', 0, null, Buffer.alloc(0)),
    encodeFrame('response', 0xffffffff, '多字节', Buffer.alloc(70_000, 7)),
  ];
  const bytes = Buffer.concat(frames.flat());
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 40 }), (cuts) => {
      const read: Frame[] = [];
      const feed = createFrameReader((frame) => read.push(frame));
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        feed(bytes.subarray(at, at + cut));
        at += cut;
        if (at >= bytes.length) break;
      }
      assert.deepEqual(
        read.map(({ kind, id, head, body }) => [kind, id, head, body.length]),
        [
          ['request', 1, ['a', { x: 1 }], 4],
          ['notify', 0, null, 0],
          ['response', 0xffffffff, '多字节', 70_000],
        ],
      );
    }),
    { seed: 3, numRuns: 200 },
  );
});

test('a frame with a length, kind or head that lies is refused', () => {
  const good = Buffer.concat(encodeFrame('request', 1, ['a', null], Buffer.alloc(3)));
  const refused = (bytes: Buffer): void =>
    assert.throws(() => createFrameReader(() => {})(bytes), { code: 'IPC_FRAME' });
  const altered = (change: (bytes: Buffer) => void): Buffer => {
    const copy = Buffer.from(good);
    change(copy);
    return copy;
  };
  refused(altered((bytes) => bytes.writeUInt32BE(limits.ipcFrameBytesMax + 1, 0)));
  refused(altered((bytes) => bytes.writeUInt32BE(3, 0)));
  refused(altered((bytes) => bytes.writeUInt8(9, 4)));
  refused(altered((bytes) => bytes.writeUInt32BE(good.length, 9)));
  refused(altered((bytes) => bytes.write('{', 13)));
});

test('a socket is for its owner alone and gives answers and coded errors', async () => {
  const path = freshPath();
  const server = await listen(path, echo);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const peer = await connectOnce(path);
  const answer = await peer.request('echo', { a: 1 }, Buffer.from('b'));
  assert.deepEqual([answer.head, answer.body.toString()], [{ a: 1 }, 'b']);
  await assert.rejects(peer.request('fail'), { code: 'STORE_FULL', hint: 'make room' });
  await assert.rejects(peer.request('break'), { code: 'INTERNAL' });
  for (const verb of ['nothing', 'constructor', '__proto__']) {
    await assert.rejects(peer.request(verb), { code: 'IPC_VERB' });
  }
  await assert.rejects(peer.request('silent', null, undefined, 10), { code: 'IPC_TIMEOUT' });
  const tooLong = Buffer.alloc(limits.ipcFrameBytesMax);
  await assert.rejects(peer.request('echo', null, tooLong), { code: 'IPC_FRAME' });
  peer.close();
  await assert.rejects(peer.request('echo'), { code: 'IPC_LOST' });
  await server.close();
});

test('a process that was held up reads what has come before it gives up', async () => {
  const path = freshPath();
  const timeoutMs = 20;
  const server = await listen(path, {
    async held() {
      void afterAnswer().then(() => setImmediate(holdUp, 50 * timeoutMs));
      return { head: 'in time' };
    },
  });
  const peer = await connectOnce(path);
  const { head } = await peer.request('held', null, undefined, timeoutMs);
  assert.equal(head, 'in time');
  peer.close();
  await server.close();
});

/** When the answer of a handler has been put on its way. */
async function afterAnswer(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await undefined;
}

function holdUp(ms: number): void {
  for (const untilMs = performance.now() + ms; performance.now() < untilMs; );
}

test('garbage on a socket closes that connection and harms nobody else', async () => {
  const path = freshPath();
  const server = await listen(path, echo);
  const good = await connectOnce(path);
  const notAVerb = Buffer.concat(encodeFrame('request', 1, 'no verb', Buffer.alloc(0)));
  for (const garbage of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(64, 0xff), notAVerb]) {
    const socket = createConnection(path);
    socket.on('error', () => {});
    socket.end(garbage);
    await new Promise((resolve) => socket.once('close', resolve).resume());
  }
  assert.equal((await good.request('echo', 1)).head, 1);
  good.close();
  await server.close();
});
