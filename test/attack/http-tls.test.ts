/** What the edge agrees to before the first byte of HTTP; openssl is the other program. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Rig, startRig, tls } from '../edge/rig.ts';
import { until } from '../until.ts';

const skip = spawnSync('openssl', ['version']).error ? 'needs openssl' : false;

/** What `openssl s_client` says, given this input; it ends when the input or the connection does. */
async function client(rig: Rig, args: readonly string[], input = ''): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${rig.port}`, ...args]);
  let said = '';
  for (const out of [child.stdout, child.stderr]) out.on('data', (chunk) => (said += chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  await once(child, 'close');
  return said;
}

const weak: [what: string, args: readonly string[]][] = [
  ['TLS 1.0', ['-tls1', '-cipher', 'ALL:@SECLEVEL=0']],
  ['TLS 1.1', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']],
  ['RSA key exchange', ['-tls1_2', '-cipher', 'AES128-GCM-SHA256:@SECLEVEL=0']],
  ['CBC', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0']],
  ['finite-field Diffie-Hellman', ['-tls1_2', '-cipher', 'DHE-RSA-AES128-GCM-SHA256']],
  ['no encryption', ['-tls1_2', '-cipher', 'eNULL:@SECLEVEL=0']],
  ['no authentication', ['-tls1_2', '-cipher', 'aNULL:@SECLEVEL=0']],
  ['ARIA', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-ARIA128-GCM-SHA256']],
  ['CCM', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-CCM8']],
  ['ALPN of HTTP/2 alone', ['-alpn', 'h2']],
];

test('old versions, weak ciphers and other protocols get no connection', { skip }, async (t) => {
  const rig = await startRig(t);
  for (const [what, args] of weak) {
    await t.test(what, async () => {
      const said = await client(rig, args);
      assert.match(
        said,
        /Cipher is \(NONE\)|no application protocol|no protocols available/i,
        said,
      );
    });
  }
  const counts = await rig.counts('sallyport_edge_connections_refused_total');
  assert.ok((counts.handshake ?? 0) >= 5, `${counts.handshake}`);
  assert.equal((await rig.send({ path: '/a' })).status, 200);
});

test('renegotiation is refused, and nothing is asked after it', { skip }, async (t) => {
  const rig = await startRig(t);
  const said = await client(rig, ['-tls1_2'], 'R\nGET /a HTTP/1.1\nHost: h\n\n');
  assert.match(said, /RENEGOTIATING/);
  assert.match(said, /no renegotiation|handshake failure|unexpected message/i);
  assert.equal(rig.guard.calls.length, 0);
});

test('a caller that offers h2 and http/1.1 gets http/1.1; compression there is none', {
  skip,
}, async (t) => {
  const rig = await startRig(t);
  const said = await client(rig, ['-alpn', 'h2,http/1.1', '-tls1_2', '-comp']);
  assert.match(said, /ALPN protocol: http\/1\.1/);
  assert.match(said, /Compression: NONE/);
  assert.match(said, /Secure Renegotiation IS supported/);
});

test('early data is not taken: what it asks would be asked again by whoever recorded it', {
  skip,
}, async (t) => {
  const rig = await startRig(t);
  const said = await client(rig, ['-tls1_3']);
  assert.doesNotMatch(said, /Max Early Data: [1-9]/);
});

test('HTTP without TLS at the port of TLS is closed without a word', async (t) => {
  const rig = await startRig(t);
  const socket = connect(rig.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET /a HTTP/1.1\r\nHost: h\r\n\r\n');
  let got = '';
  socket.on('data', (chunk) => (got += chunk.toString('latin1')));
  await once(socket, 'close');
  assert.doesNotMatch(got, /HTTP/);
  assert.equal(rig.guard.calls.length, 0);
});

test('an HTTP/2 preface behind TLS is a malformed request', async (t) => {
  const rig = await startRig(t);
  const got = await rig.raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  assert.match(got, /^HTTP\/1\.1 400 .*"REQUEST_MALFORMED"/s);
});

test('handshakes that stall are given up, while others are served', async (t) => {
  const rig = await startRig(t, { limits: { edgeHeadersTimeoutMs: 400 } });
  const stalled = Array.from({ length: 100 }, () => {
    const socket = connect(rig.port, '127.0.0.1');
    socket.on('error', () => {});
    // The record header of a ClientHello of which no more comes.
    socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
    t.after(() => socket.destroy());
    return socket;
  });
  while (stalled.some((socket) => !socket.closed)) {
    assert.equal((await rig.send({ path: '/a' })).status, 200);
  }
  const counts = () => rig.counts('sallyport_edge_connections_refused_total');
  await until(async () => (await counts()).handshake === 100);
});

test('a caller that resumes its session is another connection and no other caller', async (t) => {
  const rig = await startRig(t);
  const options = { host: '127.0.0.1', port: rig.port, ca: tls.cert };
  const first = connectTls(options);
  first.write('GET /a HTTP/1.1\r\nHost: h\r\nX-API-Key: sp_first\r\n\r\n');
  const [session] = (await once(first, 'session')) as [Buffer];
  first.destroy();
  const second = connectTls({ ...options, session });
  t.after(() => second.destroy());
  second.write('GET /b HTTP/1.1\r\nHost: h\r\n\r\n');
  await until(() => rig.guard.calls.some((call) => call.head.path === '/b'));
  assert.equal(second.isSessionReused(), true);
  assert.equal(rig.guard.calls.find((call) => call.head.path === '/b')?.head.apiKey, undefined);
});
