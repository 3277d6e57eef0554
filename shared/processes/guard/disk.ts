/**
 * Room on the disks of a node. Below a reserve nothing new is taken, so that what was taken finds room to
 * end; and what the mover cannot put down shows, though the store may go on in the space that it has.
 */
import { statfsSync } from 'node:fs';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';

export interface Disk {
  /** Looks at most once in diskLookMs. Errors: STORE_FULL. */
  expectRoom(): void;
}

/** `dirs`: folders on the volumes that matter. A volume that says nothing of its room has some. */
export function createDisk(
  dirs: readonly string[],
  steady: () => number,
  freeBytes: (dir: string) => number = freeBytesAt,
): Disk {
  let lookedMs = Number.NEGATIVE_INFINITY;
  let free = Number.POSITIVE_INFINITY;
  return {
    expectRoom() {
      const nowMs = steady();
      if (nowMs - lookedMs >= limits.diskLookMs) {
        free = Math.min(...dirs.map(freeBytes));
        lookedMs = nowMs;
      }
      if (free >= limits.diskReserveBytes) return;
      throw new SallyportError(
        'STORE_FULL',
        `expected ${limits.diskReserveBytes} bytes of room on the disk, got ${free}`,
        { hint: 'free space on the file system that holds the home of the node' },
      );
    },
  };
}

function freeBytesAt(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
