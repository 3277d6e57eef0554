/** A scripted ICAP service, and a real one (c-icap) that echoes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { dialTo } from '@sallyport/shared/content/scan/adapter/dial.ts';
import { icapScanner } from '@sallyport/shared/content/scan/icap.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

const service = 'icap://127.0.0.1/scan';
const options = 'ICAP/1.0 200 OK\r\nMethods: RESPMOD\r\nPreview: 4\r\nAllow: 204\r\n\r\n';
const clean = 'ICAP/1.0 204 No Content\r\nISTag: "1"\r\n\r\n';
const proceed = 'ICAP/1.0 100 Continue\r\n\r\n';
const found = [
  'ICAP/1.0 200 OK',
  'X-Infection-Found: Type=0; Resolution=2; Threat=Eicar;',
  'Encapsulated: null-body=0\r\n\r\n',
].join('\r\n');

async function* of(...pieces: string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

/** Answers one after the other, each when what it waits for has come; says what it was sent. */
async function scan(
  steps: readonly (readonly [wait: string, answer: string])[],
  content: readonly string[],
  timeoutMs = 2000,
) {
  let heard = '';
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const left = [...steps];
    let from = 0;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heard += data.toString('latin1');
      for (let next = left[0]; next && heard.indexOf(next[0], from) >= 0; next = left[0]) {
        from = heard.indexOf(next[0], from) + next[0].length;
        left.shift();
        if (next[1] === '') socket.destroy();
        else socket.write(next[1]);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const dial = dialTo({ host: '127.0.0.1', port: address.port });
  const verdict = await icapScanner(dial, service, { timeoutMs }).scan(of(...content));
  for (const socket of sockets) socket.destroy();
  server.close();
  return { verdict, heard };
}

const asked = ['null-body=0\r\n\r\n', options] as const;

test('content that fits the preview is sent whole, and 204 is clean', async () => {
  const { verdict, heard } = await scan([asked, ['0; ieof\r\n\r\n', clean]], ['ab', 'c']);
  assert.deepEqual(verdict, { verdict: 'clean' });
  assert.match(heard, /^OPTIONS icap:\/\/127\.0\.0\.1\/scan ICAP\/1\.0\r\nHost: 127\.0\.0\.1\r\n/);
  const [, sizes] = /Encapsulated: req-hdr=0, res-hdr=(\d+), res-body=/.exec(heard) ?? [];
  const request = heard.slice(heard.indexOf('GET '), heard.indexOf('HTTP/1.1 200'));
  assert.equal(Number(sizes), request.length);
  assert.match(heard, /\r\n\r\n3\r\nabc\r\n0; ieof\r\n\r\n$/);
});

test('the rest follows when the service asks for it', async () => {
  const steps = [asked, ['0\r\n\r\n', proceed], ['\r\n0\r\n\r\n', clean]] as const;
  const { verdict, heard } = await scan(steps, ['abcdef', 'gh']);
  assert.deepEqual(verdict, { verdict: 'clean' });
  assert.match(heard, /4\r\nabcd\r\n0\r\n\r\n2\r\nef\r\n2\r\ngh\r\n0\r\n\r\n$/);
});

test('content that the service would replace is found, with its name where it says one', async () => {
  const { verdict } = await scan([asked, ['0; ieof\r\n\r\n', found]], ['a']);
  assert.deepEqual(verdict, { verdict: 'found', name: 'Eicar' });
  const silent = 'ICAP/1.0 200 OK\r\n\r\n';
  const replaced = await scan([asked, ['0; ieof\r\n\r\n', silent]], ['a']);
  assert.equal(replaced.verdict.verdict, 'found');
});

const respmod = '0; ieof\r\n\r\n';
const ill: readonly (readonly [string, readonly (readonly [string, string])[], string, number?])[] =
  [
    ['says nothing', [], 'timeout', 100],
    ['says nothing about the content', [asked], 'timeout', 100],
    ['hangs up', [['OPTIONS', '']], 'answer'],
    ['hangs up on the content', [asked, [respmod, '']], 'answer'],
    ['has no such service', [[asked[0], 'ICAP/1.0 404 Not Found\r\n\r\n']], 'answer'],
    ['cannot look at answers', [[asked[0], options.replace('RESPMOD', 'REQMOD')]], 'answer'],
    [
      'has a preview that is no number',
      [[asked[0], options.replace('Preview: 4', 'Preview: -1')]],
      'answer',
    ],
    ['fails', [asked, [respmod, 'ICAP/1.0 500 Server Error\r\n\r\n']], 'answer'],
    ['is overloaded', [asked, [respmod, 'ICAP/1.0 503 Overloaded\r\n\r\n']], 'answer'],
    ['asks for more when it has all', [asked, [respmod, proceed]], 'answer'],
    ['speaks HTTP', [asked, [respmod, 'HTTP/1.1 204 No Content\r\n\r\n']], 'answer'],
    [
      'sends a broken header',
      [asked, [respmod, 'ICAP/1.0 204 No Content\r\nbroken\r\n\r\n']],
      'answer',
    ],
    ['answers without end', [asked, [respmod, 'a'.repeat(limits.scanReplyBytesMax + 1)]], 'answer'],
  ];
for (const [name, steps, failure, timeoutMs] of ill) {
  test(`an ICAP service that ${name} is a failure`, async () => {
    const { verdict } = await scan(steps, ['a'], timeoutMs);
    assert.deepEqual(verdict, { verdict: 'failed', failure });
  });
}

test('more than may be scanned is a failure', async () => {
  const steps = [asked, ['0\r\n\r\n', proceed]] as const;
  const piece = 'a'.repeat(limits.scanBytesMax / 4 + 1);
  const { verdict } = await scan(steps, [piece, piece, piece, piece], 10_000);
  assert.deepEqual(verdict, { verdict: 'failed', failure: 'limit' });
});

const echo = globSync('/usr/lib/*/c_icap/srv_echo.so')[0];
const missing = existsSync('/usr/bin/c-icap') && echo ? false : 'c-icap is not installed';
let child: ChildProcess | undefined;
after(() => {
  child?.kill();
});

test('a real service takes our requests, with and without more than its preview', {
  skip: missing,
}, async () => {
  const dir = temporaryFolder();
  const port = 20_000 + (process.pid % 20_000);
  const lines = [
    `PidFile ${join(dir, 'pid')}`,
    `CommandsSocket ${join(dir, 'ctl')}`,
    `Port 127.0.0.1:${port}`,
    `ModulesDir ${dirname(echo ?? '')}`,
    `ServicesDir ${dirname(echo ?? '')}`,
    `ServerLog ${join(dir, 'log')}`,
    'StartServers 1',
    'MaxServers 1',
    'Service echo srv_echo.so',
  ];
  writeFileSync(join(dir, 'conf'), `${lines.join('\n')}\n`);
  child = spawn('/usr/bin/c-icap', ['-N', '-f', join(dir, 'conf')], { stdio: 'ignore' });
  const scanner = icapScanner(dialTo({ host: '127.0.0.1', port }), `icap://127.0.0.1:${port}/echo`);
  await until(async () => (await scanner.scan(of('a'))).verdict === 'clean', 10_000);
  // This service says 204 to every second request and echoes the others: that is no word for clean.
  for (const length of [1, 300_000]) {
    const verdicts = new Set<string>();
    for (let at = 0; at < 4; at += 1) {
      verdicts.add((await scanner.scan(of('a'.repeat(length)))).verdict);
    }
    assert.deepEqual([...verdicts].sort(), ['clean', 'found'], `${length}`);
  }
});
