/**
 * Services that hang, lie and pour: memory stays in its bounds, each failure has its code, and others are
 * served.
 */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import type { EdgeOptions } from '@sallyport/shared/processes/edge/run.ts';
import { pause, type Rig, startRig } from '../edge/rig.ts';
import { until } from '../until.ts';

interface Service {
  readonly url: string;
  readonly sockets: Set<Socket>;
  /** Bytes that it got rid of, over all connections. */
  readonly poured: () => number;
}

async function service(
  t: TestContext,
  act: (socket: Socket, request: string) => void,
): Promise<Service> {
  const sockets = new Set<Socket>();
  let gone = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      gone += socket.bytesWritten;
      sockets.delete(socket);
    });
    socket.on('data', (chunk) => act(socket, chunk.toString('latin1')));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const poured = () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, gone);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, poured };
}

const startInner = (
  t: TestContext,
  limits: NonNullable<EdgeOptions['limits']> = {},
): Promise<Rig> => {
  const options: Partial<EdgeOptions> = { upstream: {}, limits };
  return startRig(t, { accept: undefined, ...options } as Partial<EdgeOptions>);
};

const ask = (rig: Rig, url: string, change = {}) =>
  rig.guard.ask('upstream', {
    id: '0198c0ffee007000800000000000abcd',
    targets: [{ url, weight: 1 }],
    method: 'POST',
    path: '/a',
    query: [],
    headers: {},
    timeoutMs: 5_000,
    ...change,
  });

const codeOf = (asked: Promise<unknown>): Promise<ErrorCode | 'none'> =>
  asked.then(
    () => 'none' as const,
    (error: SallyportError) => error.code,
  );

/** Writes the same bytes for as long as somebody takes them. */
function pour(socket: Socket, head: string, bytes: Buffer): void {
  socket.write(head, 'latin1');
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', more);
  more();
}

const block = Buffer.alloc(64 * 1024, 'x');
const chunk = Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')]);
const head = (...lines: string[]): string =>
  `${['HTTP/1.1 200 OK', ...lines].join('\r\n')}\r\n\r\n`;

const endless: [what: string, act: (socket: Socket) => void, code: ErrorCode][] = [
  [
    '1 GB by its length',
    (s) => pour(s, head('content-length: 1000000000'), block),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'a body that its connection ends',
    (s) => pour(s, head('connection: close'), block),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'chunks without end',
    (s) => pour(s, head('transfer-encoding: chunked'), chunk),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'headers without end',
    (s) => pour(s, 'HTTP/1.1 200 OK\r\n', Buffer.from('x-a: b\r\n'.repeat(500))),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'one header without end',
    (s) => pour(s, 'HTTP/1.1 200 OK\r\nx-a: ', block),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'trailers without end',
    (s) =>
      pour(s, `${head('transfer-encoding: chunked')}0\r\n`, Buffer.from('x-a: b\r\n'.repeat(500))),
    'UPSTREAM_TOO_LARGE',
  ],
  ['garbage without end', (s) => pour(s, '', block), 'UPSTREAM_REFUSED'],
];

test('an answer without end is cut off after little more than its limit', async (t) => {
  const rig = await startInner(t);
  for (const [what, act, code] of endless) {
    await t.test(`${what}: ${code}`, async (t) => {
      const upstream = await service(t, act);
      assert.equal(await codeOf(ask(rig, upstream.url)), code);
      await until(() => upstream.sockets.size === 0);
      assert.ok(upstream.poured() < 24 * 1024 * 1024, `${upstream.poured()} bytes were taken`);
    });
  }
  assert.equal((await rig.counts('sallyport_edge_upstream_held_bytes'))[''], 0);
});

/** Bytes that the parser reads over and keeps nothing of. */
const readOver: [what: string, start: string][] = [
  ['a status line', 'HTTP/1.1 200 '],
  ['a chunk extension', `${head('transfer-encoding: chunked')}1;`],
];
for (const [what, start] of readOver) {
  test(`${what} without end costs no memory and ends with the deadline: UPSTREAM_TIMEOUT`, async (t) => {
    const rig = await startInner(t);
    const upstream = await service(t, (socket) => pour(socket, start, block));
    assert.equal(await codeOf(ask(rig, upstream.url, { timeoutMs: 400 })), 'UPSTREAM_TIMEOUT');
    await until(() => upstream.sockets.size === 0);
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    assert.ok(heapUsed + arrayBuffers < 256 * 1024 * 1024, `${heapUsed} ${arrayBuffers}`);
  });
}

test('preliminary answers without end: UPSTREAM_TIMEOUT', async (t) => {
  const rig = await startInner(t);
  const upstream = await service(t, (socket) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nx-a: b\r\n\r\n'), 5);
    socket.on('close', () => clearInterval(timer));
  });
  assert.equal(await codeOf(ask(rig, upstream.url, { timeoutMs: 300 })), 'UPSTREAM_TIMEOUT');
});

test('a body that comes a byte at a time is bounded by the deadline: UPSTREAM_TIMEOUT', async (t) => {
  const rig = await startInner(t);
  const upstream = await service(t, (socket) => {
    socket.write(head('content-length: 100000'));
    const timer = setInterval(() => socket.write('x'), 10);
    socket.on('close', () => clearInterval(timer));
  });
  assert.equal(await codeOf(ask(rig, upstream.url, { timeoutMs: 300 })), 'UPSTREAM_TIMEOUT');
});

test('an answer behind the answer never becomes that of the next call', async (t) => {
  const rig = await startInner(t);
  let requests = 0;
  const upstream = await service(t, (socket) => {
    requests += 1;
    const answer = (body: string) => `${head(`content-length: ${body.length}`)}${body}`;
    socket.write(answer(`true ${requests}`) + answer('poison'));
  });
  for (const call of [1, 2, 3]) {
    assert.equal((await ask(rig, upstream.url)).body.toString(), `true ${call}`);
    await pause(5);
  }
  assert.equal(requests, 3);
});

test('bytes behind a body of stated length end the connection and change no answer', async (t) => {
  const rig = await startInner(t);
  const upstream = await service(t, (socket) =>
    socket.write(`${head('content-length: 4')}goodevil`),
  );
  for (const _ of [1, 2]) assert.equal((await ask(rig, upstream.url)).body.toString(), 'good');
});

test('a service that answers before it read the request does not hang the call', async (t) => {
  const rig = await startInner(t);
  const upstream = await service(t, (socket) =>
    socket.end(`${head('content-length: 2', 'connection: close')}no`),
  );
  const asked = rig.guard.ask(
    'upstream',
    {
      id: '0198c0ffee007000800000000000abcd',
      targets: [{ url: upstream.url, weight: 1 }],
      method: 'POST',
      path: '/a',
      query: [],
      headers: {},
      timeoutMs: 2_000,
    },
    Buffer.alloc(4 * 1024 * 1024),
  );
  assert.ok(['none', 'UPSTREAM_REFUSED'].includes(await codeOf(asked)));
});

test('all answers together stay in their room: the largest are given up, small ones pass', async (t) => {
  const roomBytes = 4 * 1024 * 1024;
  const rig = await startInner(t, { upstreamBodiesBytesMax: roomBytes });
  const hostile = await service(t, (socket) => {
    socket.write(head('content-length: 8000000'));
    socket.write(Buffer.alloc(400_000));
  });
  const honest = await service(t, (socket) => socket.write(`${head('content-length: 2')}ok`));
  const flood = Array.from({ length: 40 }, () =>
    codeOf(ask(rig, hostile.url, { timeoutMs: 1_500 })),
  );
  await until(() => hostile.poured() > roomBytes * 2);
  let heldMax = 0;
  for (let i = 0; i < 20; i++) {
    assert.equal((await ask(rig, honest.url)).body.toString(), 'ok');
    heldMax = Math.max(heldMax, (await rig.counts('sallyport_edge_upstream_held_bytes'))[''] ?? 0);
  }
  assert.ok(heldMax > 0 && heldMax <= roomBytes, `${heldMax}`);
  const codes = await Promise.all(flood);
  assert.deepEqual([...new Set(codes)].toSorted(), ['UPSTREAM_TIMEOUT', 'UPSTREAM_TOO_LARGE']);
  assert.equal((await rig.counts('sallyport_edge_upstream_held_bytes'))[''], 0);
});

test('a service that fails each call leaves some lines in the log, and is counted whole', async (t) => {
  const rig = await startInner(t, { edgeNotesMax: 3, edgeNotesWindowMs: 300 });
  const upstream = await service(t, (socket) => socket.end('garbage\r\n\r\n'));
  const codes = await Promise.all(Array.from({ length: 40 }, () => codeOf(ask(rig, upstream.url))));
  assert.deepEqual([...new Set(codes)], ['UPSTREAM_REFUSED']);
  await until(() => rig.log.some((line) => line.more !== undefined));
  assert.ok(rig.log.filter((line) => line.msg === 'call failed').length < 20);
  const counts = await rig.counts('sallyport_edge_upstream_requests_total');
  assert.deepEqual(counts, { UPSTREAM_REFUSED: 40 });
});
