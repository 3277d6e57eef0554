/** Which files of a folder count: those that nobody else can have written, and exactly as they were read. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import { readPluginFolder, readPluginSecrets } from '@sallyport/shared/plugins/folder.ts';
import { temporaryFolder } from '../temporary-folder.ts';

function folderWith(files: Readonly<Record<string, string | Buffer>>): string {
  const dir = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
  }
  return dir;
}

test('a file is known by the digest of its bytes; others than plug-ins do not count', () => {
  const dir = folderWith({ 'one.js': 'text', 'two.ts': 'text 2', 'notes.md': '#', 'a.json': '{}' });
  const { files, faults } = readPluginFolder(dir);
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  assert.deepEqual(
    files.map((file) => [file.digest, file.isTypeScript]),
    [
      [digest('text'), false],
      [digest('text 2'), true],
    ],
  );
  assert.deepEqual(faults, []);
});

test('links, folders, large files, what is no text and what others may write are left out and told', () => {
  const dir = folderWith({
    'open.js': 'x',
    'group.js': 'x',
    'large.js': 'x'.repeat(limits.pluginBytesMax + 1),
    'bytes.js': Buffer.from([0xff, 0xfe]),
    'good.js': 'x',
  });
  chmodSync(join(dir, 'open.js'), 0o602);
  chmodSync(join(dir, 'group.js'), 0o620);
  symlinkSync(join(dir, 'good.js'), join(dir, 'link.js'));
  mkdirSync(join(dir, 'folder.js'));
  const { files, faults } = readPluginFolder(dir);
  assert.deepEqual(
    files.map(({ file }) => file),
    [join(dir, 'good.js')],
  );
  const faulty = ['bytes.js', 'folder.js', 'group.js', 'large.js', 'link.js', 'open.js'];
  assert.deepEqual(
    faults.map(({ file }) => file),
    faulty,
  );
});

test('a folder in which others may write is refused as a whole: PLUGIN_REFUSED', () => {
  const dir = folderWith({ 'one.js': 'x' });
  for (const mode of [0o770, 0o707, 0o777]) {
    chmodSync(dir, mode);
    assert.throws(() => readPluginFolder(dir), { code: 'PLUGIN_REFUSED' });
  }
});

test('no folder is PLUGIN_MISSING, too many files are PLUGIN_REFUSED', () => {
  const dir = temporaryFolder();
  assert.throws(() => readPluginFolder(join(dir, 'none')), { code: 'PLUGIN_MISSING' });
  const many = Array.from({ length: limits.pluginFilesMax + 1 }, (_, at) => [`${at}.js`, 'x']);
  const full = folderWith(Object.fromEntries(many));
  assert.throws(() => readPluginFolder(full), { code: 'PLUGIN_REFUSED' });
});

test('secrets that others may read, or that are too short, are none', () => {
  const dir = folderWith({ good: 'sixteen bytes ok', short: 'short', open: 'sixteen bytes ok' });
  chmodSync(join(dir, 'open'), 0o640);
  const home = dirname(dir);
  assert.deepEqual([...readPluginSecrets(home, basename(dir)).keys()], ['good']);
  assert.equal(readPluginSecrets(home, 'none').size, 0);
  const other = temporaryFolder();
  symlinkSync(dir, join(other, 'link'));
  assert.equal(readPluginSecrets(other, 'link').size, 0, 'a folder of another, by a link');
  chmodSync(dir, 0o770);
  assert.equal(readPluginSecrets(home, basename(dir)).size, 0, 'others may write in the folder');
});
