/** The reserve of a disk: what is asked, how often, and what is said below it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import { createDisk } from '@sallyport/shared/processes/guard/disk.ts';
import type { Logger } from 'pino';
import { temporaryFolder } from '../temporary-folder.ts';

const sizeBytes = 1e12;
const told: string[] = [];
const say = (_: object, text: string): void => void told.push(text);
const log = { warn: say, info: say } as Pick<Logger, 'warn' | 'info'>;

function diskOf(free: Record<string, number>) {
  const time = { ms: 0 };
  const looked: string[] = [];
  const disk = createDisk({
    dirs: Object.keys(free),
    steady: () => time.ms,
    log,
    roomAt(dir) {
      looked.push(dir);
      return { freeBytes: free[dir] ?? 0, sizeBytes };
    },
  });
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

test('it is said once, and long before, that a volume will be full', () => {
  const free = { data: sizeBytes, spool: sizeBytes };
  const { disk, time } = diskOf(free);
  const lowAfter = (freeBytes: number): boolean | undefined => {
    free.data = freeBytes;
    time.ms += limits.diskLookMs;
    return disk.status()?.low;
  };
  told.length = 0;
  const least = sizeBytes * limits.diskLowShare;
  assert.deepEqual(
    [lowAfter(least), lowAfter(least - 1), lowAfter(least - 2)],
    [false, true, true],
  );
  disk.expectRoom();
  assert.deepEqual(told, ['the disk will be full']);
  assert.deepEqual([lowAfter(least), told[1]], [false, 'the disk has room again']);
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
  const real = createDisk({ dirs: [temporaryFolder()], steady: () => 0, log });
  real.expectRoom();
  assert.ok((real.status()?.sizeBytes ?? 0) >= (real.status()?.freeBytes ?? 0));
  const gone = createDisk({ dirs: ['/nowhere/at/all'], steady: () => 0, log });
  gone.expectRoom();
  assert.equal(gone.status(), undefined);
});
