import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { leftBehind } from '../left-behind.ts';

const id = '310104197812160962';
const key = `sp_0123456789ab_${'x'.repeat(43)}`;

/** Not a folder whose leftovers count against this test. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'left-behind-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

test('a person’s number or a credential is found wherever a node must not have it', () => {
  const dir = folderWith({
    'outer/log/guard.log': `{"detail":"${id}"}\n`,
    'nodes/inner/data/sallyport.db-wal': `\x00\x01${id}\x02`,
    'inner-1/spool/out/a.stp': key,
    'outer/archive/in/2026-11-27T20/a.stp': ` ${id} `,
    'outer/run/processes.json': key,
  });
  const found = leftBehind(dir).sort();
  rmSync(dir, { recursive: true });
  assert.deepEqual(found, [
    'inner-1/spool/out/a.stp: an API key',
    'nodes/inner/data/sallyport.db-wal: a resident ID',
    'outer/archive/in/2026-11-27T20/a.stp: a resident ID',
    'outer/log/guard.log: a resident ID',
    'outer/run/processes.json: an API key',
  ]);
});

test('what may be there, and numbers that are none, are let be', () => {
  const dir = folderWith({
    'outer/data/sallyport.db': id,
    'policy/schemas/a.json': id,
    'outer/log/guard.log': `{"a":"${id.slice(0, 17)}1","b":"1${id}","c":"sp_0123456789ab"}`,
  });
  const found = leftBehind(dir);
  rmSync(dir, { recursive: true });
  assert.deepEqual(found, []);
});

test('a test file that leaves one fails', () => {
  const folder = join(import.meta.dirname, '../temporary-folder.ts');
  const text = `
    const { mkdirSync, writeFileSync } = await import('node:fs');
    const dir = (await import(${JSON.stringify(folder)})).temporaryFolder();
    mkdirSync(dir + '/outer/log', { recursive: true });
    writeFileSync(dir + '/outer/log/edge.log', process.argv[1]);`;
  const run = (left: string) =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', text, '--', left]);
  assert.equal(run('nothing').status, 0);
  const failed = run(id);
  assert.equal(failed.status, 1);
  assert.match(String(failed.stderr), /outer\/log\/edge\.log: a resident ID/);
});
