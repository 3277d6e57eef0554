import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSpoolRoom } from '@sallyport/shared/channel/room.ts';
import {
  cleanSpool,
  depositFile,
  listSpool,
  parseSpoolName,
  spoolName,
} from '@sallyport/shared/channel/spool.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import fc from 'fast-check';
import { temporaryFolder } from '../temporary-folder.ts';
import { packageName } from './collector.ts';

test('a name reads back as what it was made of', () => {
  const flowClass = fc.constantFrom('interactive' as const, 'bulk' as const);
  const sequence = fc.integer({ min: 1, max: 999_999_999_999 });
  const packageId = fc.integer({ min: 0, max: 2 ** 47 }).map((nowMs) => newId(nowMs));
  const names = fc.record({ flowClass, sequence, packageId }, { noNullPrototype: true });
  fc.assert(
    fc.property(names, (name) => assert.deepEqual(parseSpoolName(spoolName(name)), name)),
    { seed: 1, numRuns: 200 },
  );
});

test('a name with one character changed, added or removed never reads as the same package', () => {
  const name = spoolName({ flowClass: 'bulk', sequence: 42, packageId: newId() });
  const edits = fc.tuple(fc.nat(name.length - 1), fc.constantFrom('', 'x', '/', '\0', '\n', 'A'));
  fc.assert(
    fc.property(edits, fc.boolean(), ([at, text], insert) => {
      const edited = name.slice(0, at) + text + name.slice(insert ? at : at + 1);
      if (edited !== name) assert.equal(parseSpoolName(edited), undefined);
    }),
    { seed: 1, numRuns: 500 },
  );
});

const id = newId();
const strays = [
  '',
  `interactive-000000000000-${id}.stp`,
  `interactive-1-${id}.stp`,
  `Interactive-000000000001-${id}.stp`,
  `interactive-000000000001-${id.toUpperCase()}.stp`,
  `interactive-000000000001-${'0'.repeat(32)}.stp`,
  `interactive-000000000001-${id}.stp\n`,
  `../interactive-000000000001-${id}.stp`,
  `.interactive-000000000001-${id}.stp`,
  `interactive-000000000001-${id}.stp.tmp`,
];
for (const stray of strays) {
  test(`${JSON.stringify(stray.replaceAll(id, '<id>'))} is no spool name`, () => {
    assert.equal(parseSpoolName(stray), undefined);
  });
}

test('the spool lists interactive before bulk, then by sequence, and nothing else', async () => {
  const dir = temporaryFolder();
  const wanted = [
    packageName(2),
    packageName(10),
    packageName(1_000_000),
    packageName(1, 'bulk'),
    packageName(3, 'bulk'),
  ];
  const strange = ['.hidden', 'notes.txt', `.${packageName(1)}.0123abcd.tmp`];
  for (const name of [...wanted, ...strange].reverse()) writeFileSync(join(dir, name), 'x');
  assert.deepEqual(await listSpool(dir), wanted);
});

test('a deposit shows whole under its name, or not at all', async () => {
  const dir = temporaryFolder();
  const name = packageName(1);
  const deposit = await depositFile(dir, name);
  await deposit.write(Buffer.from('first '));
  await deposit.write(Buffer.from('second'));
  assert.deepEqual(await listSpool(dir), []);
  assert.equal(await deposit.commit(), join(dir, name));
  assert.deepEqual(readdirSync(dir), [name]);
  assert.equal(readFileSync(join(dir, name), 'utf8'), 'first second');

  const forgotten = await depositFile(dir, packageName(2));
  await forgotten.write(Buffer.from('half'));
  await forgotten.abort();
  assert.deepEqual(readdirSync(dir), [name]);
});

test('two deposits of one name do not disturb each other', async () => {
  const dir = temporaryFolder();
  const name = packageName(1);
  const [torn, whole] = [await depositFile(dir, name), await depositFile(dir, name)];
  await torn.write(Buffer.from('ha'));
  await whole.write(Buffer.from('whole'));
  await whole.commit();
  await torn.abort();
  assert.deepEqual(readdirSync(dir), [name]);
  assert.equal(readFileSync(join(dir, name), 'utf8'), 'whole');
});

test('a deposit in a folder that is not there, or goes away, fails', async () => {
  const dir = temporaryFolder();
  await assert.rejects(depositFile(join(dir, 'none'), packageName(1)), { code: 'INTERNAL' });
  const deposit = await depositFile(dir, packageName(1));
  rmSync(dir, { recursive: true });
  await assert.rejects(deposit.commit(), { code: 'INTERNAL' });
});

test('a full disk is CHANNEL_FULL and leaves nothing behind', async (t) => {
  const dir = temporaryFolder();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', dir]);
  if (mounted.status !== 0) return t.skip('needs the right to mount a small file system');
  try {
    const deposit = await depositFile(dir, packageName(1));
    await assert.rejects(deposit.write(Buffer.alloc(128 * 1024)), { code: 'CHANNEL_FULL' });
    await deposit.abort();
    assert.deepEqual(readdirSync(dir), []);
  } finally {
    spawnSync('umount', [dir]);
  }
});

test('what a crash left is cleaned, and files of others stay', async () => {
  const dir = temporaryFolder();
  const others = ['.ferry.tmp', '.nfs0001', packageName(1)].sort();
  for (const name of others) writeFileSync(join(dir, name), 'x');
  writeFileSync(join(dir, `.${packageName(2)}.0123abcd.tmp`), 'left');
  await cleanSpool(dir);
  assert.deepEqual(readdirSync(dir).sort(), others);
});

test('room is counted without looking, and looked at again when it seems used up', async () => {
  const dir = temporaryFolder();
  const room = createSpoolRoom(dir, { ...limits, spoolPackagesMax: 3, spoolBytesMax: 100 });
  assert.equal(await room.take(60), true);
  assert.equal(await room.take(40), true, 'nothing lies there: measured again');
  writeFileSync(join(dir, 'one'), Buffer.alloc(70));
  assert.equal(await room.take(40), false);
  assert.equal(await room.take(30), true);
  writeFileSync(join(dir, 'two'), Buffer.alloc(1));
  writeFileSync(join(dir, 'three'), Buffer.alloc(1));
  assert.equal(await room.take(1), false, 'three files are the most');
  rmSync(join(dir, 'two'));
  assert.equal(await room.take(1), true);
});
