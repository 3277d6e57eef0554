/** Who gets in at a link, what is taken from them, and that nothing ever goes back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, truncateSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { basename } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { encodeHead, encodePart } from '@sallyport/shared/channel/link/frame.ts';
import type { LinkIdentity } from '@sallyport/shared/channel/link/peer.ts';
import { createLinkReceiver } from '@sallyport/shared/channel/link/receiver.ts';
import { createLinkSender } from '@sallyport/shared/channel/link/sender.ts';
import type { SallyportError } from '@sallyport/shared/errors.ts';
import type { ChannelReceiver } from '@sallyport/shared/ports.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Collector, createCollector, packageName, writePackageFile } from './collector.ts';
import { closed, dialRaw, impostor, inner, innerAsPeer, outer, outerAsPeer } from './parties.ts';

const host = '127.0.0.1';

async function openReceiver(
  t: TestContext,
): Promise<{ receiver: ChannelReceiver & { port: number }; collector: Collector; dir: string }> {
  const dir = temporaryFolder();
  const collector = createCollector(dir);
  const receiver = await createLinkReceiver({
    host,
    port: 0,
    identity: inner.identity,
    peer: outerAsPeer,
    sink: collector.sink,
  });
  t.after(() => receiver.close());
  return { receiver, collector, dir };
}

interface Watched {
  readonly sender: ReturnType<typeof createLinkSender>;
  readonly ups: boolean[];
  readonly downs: SallyportError[];
}

function openSender(t: TestContext, port: number, connectionMs?: number): Watched {
  const ups: boolean[] = [];
  const downs: SallyportError[] = [];
  const sender = createLinkSender({
    host,
    port,
    identity: outer.identity,
    peer: innerAsPeer,
    events: { up: (clean) => void ups.push(clean), down: (error) => void downs.push(error) },
    ...(connectionMs === undefined ? {} : { connectionMs }),
  });
  t.after(() => sender.close());
  return { sender, ups, downs };
}

/** A whole package as it travels. */
function frames(name: string, bytes: Buffer): Buffer {
  const head = encodeHead('interactive', name, bytes.length);
  return Buffer.concat([head, encodePart('interactive', bytes.length), bytes]);
}

/** Everything that a stranger says after its handshake must stay without effect. */
async function assertRefused(
  t: TestContext,
  dial: (port: number) => Socket,
  code: string,
): Promise<Collector> {
  const { receiver, collector, dir } = await openReceiver(t);
  const socket = dial(receiver.port);
  socket.write(frames(packageName(1), Buffer.from('intruder')));
  await closed(socket);
  await until(() => collector.refusals.length > 0);
  assert.deepEqual(
    collector.refusals.map((refusal) => refusal.code),
    [code],
  );
  assert.deepEqual(collector.names, []);
  assert.deepEqual(readdirSync(dir), []);
  assert.equal(receiver.status().state, 'down');
  return collector;
}

const strangers: [string, LinkIdentity | undefined][] = [
  ['no certificate', undefined],
  ['a certificate of another CA of the same name', impostor.identity],
  ['the certificate of another node of the same CA', outer.otherNode],
  ['a certificate whose SAN names another node', outer.otherSan],
  ['an expired certificate', outer.expired],
  ['a certificate whose subject is another node', outer.otherSubject],
  ["the certificate of the peer's edge", outer.ofEdge],
  ['a certificate without an extended key usage', outer.noTls],
  ["the receiver's own certificate", inner.identity],
];
for (const [what, identity] of strangers) {
  test(`a client with ${what} is refused`, (t) =>
    assertRefused(t, (port) => dialRaw(port, identity), 'CHANNEL_PEER').then(() => {}));
}

test('TLS 1.2 is refused', async (t) => {
  const old = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
  await assertRefused(t, (port) => dialRaw(port, outer.identity, old), 'CHANNEL_PEER');
});

test('another protocol, or none, is refused', async (t) => {
  const other = { ALPNProtocols: ['http/1.1'] };
  await assertRefused(t, (port) => dialRaw(port, outer.identity, other), 'CHANNEL_PEER');
  const none = { ALPNProtocols: [] };
  await assertRefused(t, (port) => dialRaw(port, outer.identity, none), 'CHANNEL_PEER');
});

test('bytes that are no TLS are refused', async (t) => {
  const dial = (port: number): Socket => {
    const socket = connect(port, host);
    socket.on('error', () => {});
    socket.resume();
    return socket;
  };
  await assertRefused(t, dial, 'CHANNEL_PEER');
});

const violations: [string, () => Buffer][] = [
  ['another mark', () => Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['an unknown kind', () => edit(frames(packageName(1), Buffer.from('x')), 2, 9)],
  ['an unknown class', () => edit(frames(packageName(1), Buffer.from('x')), 3, 2)],
  ['a name that climbs', () => encodeHead('interactive', '../../etc/cron.d/x', 1)],
  ['a name with a zero byte', () => encodeHead('interactive', `${packageName(1)}\0`, 1)],
  ['a temporary name', () => encodeHead('interactive', `.${packageName(1)}`.slice(0, 61), 1)],
  ['a name of the other class', () => encodeHead('interactive', packageName(1, 'bulk'), 1)],
  ['an empty package', () => encodeHead('interactive', packageName(1), 0)],
  ['a package above the limit', () => encodeHead('interactive', packageName(1), 2 ** 52)],
  ['a part without a head', () => encodePart('interactive', 10)],
  ['an empty part', () => edit(frames(packageName(1), Buffer.alloc(0)), -1, 0)],
  ['a part above the limit', () => encodePart('bulk', 0xffffffff)],
  [
    'more bytes than announced',
    () =>
      Buffer.concat([encodeHead('interactive', packageName(1), 1), encodePart('interactive', 2)]),
  ],
  [
    'a head inside a package',
    () => {
      const head = encodeHead('interactive', packageName(1), 5);
      return Buffer.concat([head, head]);
    },
  ],
];
for (const [what, bytes] of violations) {
  test(`the peer itself is cut off for ${what}`, async (t) => {
    const { receiver, collector, dir } = await openReceiver(t);
    const socket = dialRaw(receiver.port, outer.identity);
    socket.write(Buffer.concat([bytes(), Buffer.alloc(64)]));
    await closed(socket);
    await until(() => collector.refusals.length > 0);
    assert.deepEqual(
      collector.refusals.map(({ code }) => code),
      ['CHANNEL_FRAME'],
    );
    assert.deepEqual(collector.names, []);
    assert.deepEqual(readdirSync(dir), []);
  });
}

test('packages of a class are reported in the order of their arrival', async (t) => {
  const { receiver, collector } = await openReceiver(t);
  const names = Array.from({ length: 100 }, (_, index) => packageName(index + 1));
  const socket = dialRaw(receiver.port, outer.identity);
  socket.end(Buffer.concat(names.map((name) => frames(name, Buffer.alloc(1000)))));
  await until(() => collector.names.length === 100);
  assert.deepEqual(collector.names, names);
});

test('a new connection of the peer replaces the old one; a stranger does not', async (t) => {
  const { receiver, collector } = await openReceiver(t);
  const first = dialRaw(receiver.port, outer.identity);
  first.write(frames(packageName(1), Buffer.from('one')));
  await until(() => collector.names.length === 1);
  await closed(dialRaw(receiver.port, impostor.identity));
  first.write(frames(packageName(2), Buffer.from('two')));
  await until(() => collector.names.length === 2);
  const second = dialRaw(receiver.port, outer.identity);
  await closed(first);
  second.write(frames(packageName(3), Buffer.from('three')));
  await until(() => collector.names.length === 3);
});

test('the receiver sends no application data, whatever it gets', async (t) => {
  const { receiver, collector } = await openReceiver(t);
  const tap = await openTap(t, receiver.port);
  const { sender } = openSender(t, tap.port);
  await until(() => sender.status().state === 'up');
  const out = temporaryFolder();
  await sender.send(writePackageFile(out, 1, Buffer.alloc(10)));
  await until(() => collector.names.length === 1);
  const afterHandshake = tap.back();
  for (let sequence = 2; sequence <= 20; sequence += 1) {
    await sender.send(writePackageFile(out, sequence, Buffer.alloc(200_000)));
  }
  await until(() => collector.names.length === 20);
  assert.ok(afterHandshake > 0);
  assert.equal(tap.back(), afterHandshake);
});

test('a connection is renewed in order, and nothing has to be sent again', async (t) => {
  const { receiver, collector } = await openReceiver(t);
  const { sender, ups, downs } = openSender(t, receiver.port, 50);
  const out = temporaryFolder();
  await until(() => ups.length > 0);
  let sequence = 0;
  while (ups.length < 4) {
    sequence += 1;
    await sender.send(writePackageFile(out, sequence));
  }
  await until(() => collector.names.length === sequence);
  assert.deepEqual(ups.slice(0, 4), [false, true, true, true]);
  assert.deepEqual(downs, []);
});

test('a link that breaks comes back and says that bytes may be lost', async (t) => {
  const { receiver } = await openReceiver(t);
  const tap = await openTap(t, receiver.port);
  const { sender, ups, downs } = openSender(t, tap.port);
  await until(() => ups.length === 1);
  tap.cut();
  await until(() => ups.length === 2);
  assert.deepEqual(ups, [false, false]);
  assert.equal(downs[0]?.code, 'CHANNEL_LOST');
  assert.equal(sender.status().state, 'up');
});

test('while nobody listens, sending fails with CHANNEL_LOST', async (t) => {
  const { receiver } = await openReceiver(t);
  await receiver.close();
  const { sender, downs } = openSender(t, receiver.port);
  const file = writePackageFile(temporaryFolder(), 1);
  await assert.rejects(sender.send(file), { code: 'CHANNEL_LOST' });
  await until(() => downs.length > 1);
  assert.equal(downs[0]?.code, 'CHANNEL_LOST');
});

const falseReceivers: [string, LinkIdentity][] = [
  ['of another CA', impostor.server],
  ['of another node', inner.otherNode],
  ['that has expired', inner.expired],
  ["of the peer's edge", inner.ofEdge],
  ['without an extended key usage', inner.noTls],
];
for (const [what, identity] of falseReceivers) {
  test(`the sender gives nothing to a receiver with a certificate ${what}`, async (t) => {
    const server = await openFalseReceiver(t, identity, () => {});
    const { sender, ups, downs } = openSender(t, server.port);
    await until(() => downs.length > 0);
    assert.equal(downs[0]?.code, 'CHANNEL_PEER');
    assert.deepEqual(ups, []);
    const file = writePackageFile(temporaryFolder(), 1);
    await assert.rejects(sender.send(file), { code: 'CHANNEL_LOST' });
    assert.equal(server.received(), 0);
  });
}

test('a receiver that answers is cut off', async (t) => {
  const server = await openFalseReceiver(t, inner.identity, (socket) => socket.write('hello'));
  const { downs } = openSender(t, server.port);
  await until(() => downs.length > 0);
  assert.equal(downs[0]?.code, 'CHANNEL_PEER');
});

test('a key that does not fit its certificate is told, and nothing falls over', async (t) => {
  const identity = { key: outer.identity.key, cert: outer.otherNode.cert };
  const { sink } = createCollector(temporaryFolder());
  const receiver = createLinkReceiver({ host, port: 0, identity, peer: outerAsPeer, sink });
  await assert.rejects(receiver, { code: 'CERTIFICATE_REFUSED' });
  const downs: SallyportError[] = [];
  const events = { up: () => {}, down: (error: SallyportError) => void downs.push(error) };
  const sender = createLinkSender({ host, port: 1, identity, peer: innerAsPeer, events });
  t.after(() => sender.close());
  await until(() => downs.length > 0);
  assert.equal(downs[0]?.code, 'CERTIFICATE_REFUSED');
});

test('a port that is taken is told by name', async (t) => {
  const { receiver, collector } = await openReceiver(t);
  const { port } = receiver;
  const again = { host, port, identity: inner.identity, peer: outerAsPeer, sink: collector.sink };
  await assert.rejects(createLinkReceiver(again), { code: 'ADDRESS_IN_USE' });
});

test('an empty package is not sent', async (t) => {
  const { receiver } = await openReceiver(t);
  const { sender, ups } = openSender(t, receiver.port);
  await until(() => ups.length === 1);
  const empty = writePackageFile(temporaryFolder(), 1, '');
  await assert.rejects(sender.send(empty), { code: 'CHANNEL_FRAME' });
});

test('a package that shrinks while it is sent never shows, and the link recovers', async (t) => {
  const { receiver, collector, dir } = await openReceiver(t);
  const { sender, ups } = openSender(t, receiver.port);
  const out = temporaryFolder();
  await until(() => ups.length === 1);
  const file = writePackageFile(out, 1, Buffer.alloc(64 * 1024 * 1024), 'bulk');
  const sent = assert.rejects(sender.send(file), { code: 'CHANNEL_LOST' });
  await until(() => readdirSync(dir).length > 0);
  truncateSync(file, 0);
  await sent;
  await until(() => ups.length === 2);
  const good = writePackageFile(out, 2);
  await sender.send(good);
  await until(() => collector.names.length === 1);
  assert.deepEqual(readdirSync(dir), [basename(good)]);
});

function edit(bytes: Buffer, at: number, value: number): Buffer {
  if (at < 0) return bytes;
  bytes.writeUInt8(value, at);
  return bytes;
}

/** A TCP relay that counts what comes back from the receiver. */
async function openTap(
  t: TestContext,
  target: number,
): Promise<{ port: number; back(): number; cut(): void }> {
  let back = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, host);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    far.on('data', (chunk) => {
      back += chunk.length;
      near.write(chunk);
    });
    near.pipe(far);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    server.close();
    cut();
  });
  return { port: await listening(server), back: () => back, cut };
}

async function openFalseReceiver(
  t: TestContext,
  identity: LinkIdentity,
  serve: (socket: TLSSocket) => void,
): Promise<{ port: number; received(): number }> {
  let received = 0;
  const ALPNProtocols = ['sallyport/1'];
  const server = createTlsServer({ ...identity, ALPNProtocols }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    serve(socket);
  });
  t.after(() => void server.close());
  return { port: await listening(server), received: () => received };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
