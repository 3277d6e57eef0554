/** The reserve of a disk: what is asked, how often, and what is said below it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import { createDisk } from '@sallyport/shared/processes/guard/disk.ts';
import { temporaryFolder } from '../temporary-folder.ts';

function diskOf(free: Record<string, number>) {
  const time = { ms: 0 };
  const looked: string[] = [];
  const disk = createDisk(
    Object.keys(free),
    () => time.ms,
    (dir) => {
      looked.push(dir);
      return free[dir] ?? 0;
    },
  );
  return { disk, time, looked };
}

test('one volume below the reserve is enough to refuse, and room heals it', () => {
  const free = { data: 1e12, spool: limits.diskReserveBytes };
  const { disk, time } = diskOf(free);
  disk.expectRoom();
  free.spool -= 1;
  time.ms += limits.diskLookMs;
  assert.throws(() => disk.expectRoom(), { code: 'STORE_FULL', hint: /free space/ });
  free.spool += 1;
  time.ms += limits.diskLookMs;
  disk.expectRoom();
});

test('the disk is not asked for each call', () => {
  const { disk, time, looked } = diskOf({ data: 1e12, spool: 1e12 });
  for (let call = 0; call < 100; call += 1) disk.expectRoom();
  assert.deepEqual(looked, ['data', 'spool']);
  time.ms += limits.diskLookMs;
  disk.expectRoom();
  assert.equal(looked.length, 4);
});

test('a real folder has room, one that is gone does not stop the node', () => {
  const real = createDisk([temporaryFolder()], () => 0);
  real.expectRoom();
  const gone = createDisk(['/nowhere/at/all'], () => 0);
  gone.expectRoom();
});
