/** A real clamd with a database of one signature, and scripted ones that misbehave. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dialTo } from '@sallyport/shared/content/scan/adapter/dial.ts';
import { clamdScanner } from '@sallyport/shared/content/scan/clamd.ts';
import {
  expectClean,
  type Scanner,
  type Verdict,
  verdictsOf,
} from '@sallyport/shared/content/scan/scanner.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { momentOf } from '@sallyport/shared/zones.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { startClamd } from './daemons.ts';

const clamd = '/usr/sbin/clamd';
const missing = existsSync(clamd) ? false : 'clamd is not installed';
/** In two parts, so that no scanner finds it in this file. */
const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(
  '',
);

const dir = temporaryFolder();
const path = join(dir, 'clamd.sock');
const madeMs = Date.UTC(2026, 10, 23, 9, 26, 11);
/** clamd tells a date only of a database that its makers signed: before ours stands who adds one. */
const dated = join(dir, 'dated.sock');
const front = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (data) => {
    if (data.toString('latin1') === 'zVERSION\0') socket.end(fresh);
    else {
      const behind = connect({ path });
      behind.on('error', () => socket.destroy());
      behind.write(data);
      socket.pipe(behind).pipe(socket);
    }
  });
});
const fresh = 'ClamAV 1.4.6/27823/Mon Nov 23 09:26:11 2026\0';
const real = clamdScanner(dialTo({ path: dated }), () => madeMs + 3_600_000);
let child: ChildProcess | undefined;

before(async () => {
  if (missing) return;
  const database = join(dir, 'db');
  mkdirSync(database);
  const hex = Buffer.from(eicar.slice(0, 34)).toString('hex');
  writeFileSync(join(database, 'test.ndb'), `Sallyport.Eicar:0:*:${hex}\n`);
  const lines = [
    `DatabaseDirectory ${database}`,
    `LocalSocket ${path}`,
    'Foreground yes',
    'StreamMaxLength 2M',
    'AlertExceedsMax yes',
    'MaxFileSize 1M',
  ];
  writeFileSync(join(dir, 'clamd.conf'), `${lines.join('\n')}\n`);
  child = spawn(clamd, ['-c', join(dir, 'clamd.conf')], { stdio: 'ignore' });
  await until(() => existsSync(path));
  await new Promise<void>((resolve) => front.listen(dated, resolve));
});
after(() => {
  child?.kill();
  front.close();
});

async function* of(...pieces: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

/** Asks and judges, as the scanner process and the guard do together. */
const scanned = async (scanners: readonly Scanner[], content: string): Promise<void> =>
  expectClean(await verdictsOf(scanners, Buffer.from(content)));

test('clamd calls clean what is, and finds what it knows, wherever it is cut', {
  skip: missing,
}, async () => {
  assert.deepEqual(await real.scan(of('hello')), { verdict: 'clean' });
  assert.deepEqual(await real.scan(of()), { verdict: 'clean' });
  const found: Verdict = { verdict: 'found', name: 'Sallyport.Eicar.UNOFFICIAL' };
  assert.deepEqual(await real.scan(of(eicar)), found);
  assert.deepEqual(await real.scan(of(eicar.slice(0, 20), '', eicar.slice(20))), found);
  await scanned([real], 'hello');
  await assert.rejects(scanned([real], eicar), { code: 'SCAN_FOUND' });
});

test('what clamd does not look at to its end is not clean', { skip: missing }, async () => {
  const megabyte = Buffer.alloc(1024 * 1024);
  assert.deepEqual(await real.scan(of(megabyte, 'a')), { verdict: 'failed', failure: 'limit' });
  const more = await real.scan(of(megabyte, megabyte, megabyte, megabyte));
  assert.equal(more.verdict, 'failed');
});

test('signatures older than the limit, or from the future, are as good as none', {
  skip: missing,
}, async () => {
  for (const ageMs of [limits.scanDatabaseAgeMs + 120_000, -limits.scanDatabaseAheadMs - 1000]) {
    const late = clamdScanner(dialTo({ path: dated }), () => madeMs + ageMs);
    assert.deepEqual(await late.scan(of('hello')), { verdict: 'failed', failure: 'stale' });
    await assert.rejects(scanned([late], 'hello'), { code: 'SCAN_FAILED' });
  }
  const undated = clamdScanner(dialTo({ path }), () => madeMs);
  assert.deepEqual(await undated.scan(of('hello')), { verdict: 'failed', failure: 'stale' });
});

test('clamd tells its date by its own clock, which is read in its zone', {
  skip: missing,
}, async () => {
  const nowMs = Date.now();
  const hourMs = 3_600_000;
  const old = join(temporaryFolder(), 'shanghai');
  mkdirSync(old);
  // Read as UTC they would be eight hours younger, and fresh.
  const shanghai = await startClamd(old, {
    madeMs: nowMs - 10 * hourMs,
    timeZone: 'Asia/Shanghai',
  });
  const scan = (timeZone: string, hours: number) =>
    clamdScanner(dialTo({ path: shanghai.socket }), () => nowMs, {
      databaseAgeMs: hours * hourMs,
      timeZone,
    }).scan(of('hello'));
  const stale = { verdict: 'failed', failure: 'stale' };
  try {
    assert.deepEqual(await scan('Asia/Shanghai', 11), { verdict: 'clean' });
    assert.deepEqual(await scan('Asia/Shanghai', 9), stale);
    assert.deepEqual(await scan('UTC', 9), { verdict: 'clean' }, 'its zone has to be told');
    assert.deepEqual(await scan('America/New_York', 48), stale, 'of the future');
  } finally {
    await shanghai.stop();
  }
});

test('of two moments that a clock put back makes one time the earlier counts', () => {
  const at = (text: string, zone: string) => momentOf(Date.parse(`${text} UTC`), zone);
  assert.equal(at('2026-11-23 09:26:11', 'Asia/Shanghai'), Date.parse('2026-11-23 01:26:11 UTC'));
  assert.equal(at('2026-10-25 02:30:00', 'Europe/Berlin'), Date.parse('2026-10-25 00:30:00 UTC'));
  assert.equal(at('2026-03-29 02:30:00', 'Europe/Berlin'), undefined, 'there was no such time');
  assert.equal(at('2026-07-01 12:00:00', 'Mars/Olympus'), undefined);
});

type Script = (socket: Socket, command: string) => void;

async function scripted(script: Script, timeoutMs = 2000) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let command = '';
    socket.on('data', (data) => {
      if (command !== '') return;
      command = data.toString('latin1');
      script(socket, command);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const dial = dialTo({ host: '127.0.0.1', port: address.port });
  const verdict = await clamdScanner(dial, () => madeMs, { timeoutMs }).scan(of('hello'));
  for (const socket of sockets) socket.destroy();
  server.close();
  return verdict;
}

const answering =
  (answer: string): Script =>
  (socket, command) => {
    socket.write(command.startsWith('zVERSION') ? fresh : answer);
  };

const ill: readonly (readonly [string, Script, string, number?])[] = [
  ['says nothing', () => {}, 'timeout', 100],
  ['says nothing about the content', answering(''), 'timeout', 100],
  ['hangs up', (socket) => socket.end(), 'answer'],
  ['resets', (socket) => socket.resetAndDestroy(), 'away'],
  ['has no database', (socket) => socket.write('ClamAV 1.4.6\0'), 'stale'],
  ['has a date that is none', (socket) => socket.write('ClamAV 1/2/soon\0'), 'stale'],
  ['is over its limit', answering('INSTREAM size limit exceeded. ERROR\0'), 'limit'],
  ['gave up within', answering('stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\0'), 'limit'],
  ['answers with an error', answering('stream: Can not open file ERROR\0'), 'answer'],
  ['answers OK to something else', answering('other: OK\0'), 'answer'],
  ['answers OK with more', answering('stream: OK, mostly\0'), 'answer'],
  ['answers without end', answering('a'.repeat(limits.scanReplyBytesMax + 1)), 'answer'],
];
for (const [name, script, failure, timeoutMs] of ill) {
  test(`a clamd that ${name} is a failure`, async () => {
    assert.deepEqual(await scripted(script, timeoutMs), { verdict: 'failed', failure });
  });
}

test('a name that clamd gives cannot forge a line of the log', async () => {
  const verdict = await scripted(answering('stream: Evil\n{"x":1}\u001b[0m FOUND\0'));
  assert.equal(verdict.verdict, 'failed');
  const long = await scripted(answering(`stream: ${'<b>'.repeat(100)} FOUND\0`));
  assert.deepEqual(long, { verdict: 'found', name: '?b?'.repeat(40) });
});

test('no scanner, one that is away, and more than may be scanned are failures', async () => {
  const away = clamdScanner(dialTo({ path: join(dir, 'none.sock') }), () => madeMs);
  const failed = { code: 'SCAN_FAILED' };
  await assert.rejects(scanned([], 'a'), failed);
  await assert.rejects(scanned([away], 'a'), failed);
  await assert.rejects(scanned([away], 'a'.repeat(limits.scanBytesMax + 1)), failed);
});
