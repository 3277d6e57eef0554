/**
 * What a promise rests on, seen from the kernel: the log of the store is synced after the last write to
 * it and before any byte that tells of the commit leaves the process. Needs strace.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';

const skip =
  spawnSync('strace', ['-V']).status === 0 &&
  spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0
    ? false
    : 'strace is not installed, or needs the right to trace';

/** Commits ten times and tells of each on stdout, as a guard answers: after the promise of the write. */
const program = `
  import { writeSync } from 'node:fs';
  import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
  import { outPackage, sealed } from '../contract/store/samples.ts';
  import { replaceFile } from '@sallyport/shared/replace-file.ts';
  const store = openStore(process.argv[1] + '/order.db');
  for (let sequence = 1; sequence <= 10; sequence += 1) {
    await store.write((tx) => tx.appendOutbound(outPackage(sequence), sealed));
    writeSync(1, 'accepted ' + sequence + '\\n');
  }
  replaceFile(process.argv[1] + '/peer.trust', Buffer.from('trust'));
  writeSync(1, 'replaced\\n');
  store.close();
`;

test('nothing is told before what it promises is synced, folder included', { skip }, async (t) => {
  const dir = temporaryFolder();
  const trace = join(dir, 'trace');
  const calls = 'openat,write,pwrite64,fsync,fdatasync,rename';
  const child = spawn(
    'strace',
    [
      ...['-f', '-y', '-e', `trace=${calls}`, '-o', trace],
      ...[process.execPath, '--input-type=module', '-e', program, dir],
    ],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  child.stdout.resume();
  assert.equal(await new Promise((done) => child.once('close', done)), 0);
  const lines = readFileSync(trace, 'utf8').split('\n');
  let dirty = false;
  let synced = 0;
  let told = 0;
  let replaced: string[] = [];
  for (const line of lines) {
    if (/pwrite64\(\d+<[^>]*-wal>/.test(line)) dirty = true;
    if (/f(data)?sync\(\d+<[^>]*-wal>/.test(line)) {
      dirty = false;
      synced += 1;
    }
    if (line.includes('"accepted ')) {
      told += 1;
      assert.equal(dirty, false, `told with a log that is not synced: ${line}`);
      assert.ok(synced >= told, `${told} told, ${synced} synced`);
    }
    if (/peer\.trust|fsync\(\d+<[^>]*sallyport-test-[^/>]*>/.test(line)) replaced.push(kind(line));
    if (line.includes('"replaced')) break;
  }
  assert.equal(told, 10);
  replaced = replaced.filter((one) => one !== 'openat');
  assert.deepEqual(replaced.slice(-4), ['write', 'fsync', 'rename', 'fsync']);
  t.diagnostic(`${told} told, ${synced} syncs of the log; ${replaced.slice(-4).join(', ')}`);
});

const kind = (line: string): string => /(\w+)\(/.exec(line)?.[1] ?? '';
