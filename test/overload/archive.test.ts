import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import { createPruner } from '@sallyport/shared/processes/guard/archive.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const nowMs = Date.UTC(2026, 10, 23, 12, 30);
const hourOf = (ms: number): string => new Date(ms).toISOString().slice(0, 13);

/** Packages of a third of the archive's limit each; the files have holes and take no room. */
function archiveOf(hours: Record<string, number>): string {
  const dir = temporaryFolder();
  for (const [hour, count] of Object.entries(hours)) {
    mkdirSync(join(dir, hour));
    for (let sequence = 1; sequence <= count; sequence += 1) {
      const file = join(dir, hour, `interactive-${String(sequence).padStart(12, '0')}.stp`);
      writeFileSync(file, '');
      truncateSync(file, Math.floor(limits.archiveBytesMax / 3));
    }
  }
  return dir;
}

test('an hour that is too much in itself loses the packages that came first', async () => {
  const [before, current] = [hourOf(nowMs - 3_600_000), hourOf(nowMs)];
  const dir = archiveOf({ [before]: 1, [current]: 5 });
  await createPruner(dir).prune(nowMs);
  assert.deepEqual(readdirSync(dir), [current]);
  const left = readdirSync(join(dir, current)).map((name) => Number(name.slice(12, 24)));
  assert.deepEqual(left.sort(), [3, 4, 5]);
});

test('an archive in its limits keeps all of its hours', async () => {
  const hours = [hourOf(nowMs - 3_600_000), hourOf(nowMs)];
  const dir = archiveOf({ [hours[0] ?? '']: 1, [hours[1] ?? '']: 2 });
  await createPruner(dir).prune(nowMs);
  assert.deepEqual(readdirSync(dir).sort(), hours);
});
