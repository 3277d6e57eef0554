/**
 * Room on the disks of a node. It is said long before it ends. Below a reserve nothing new is taken, so that
 * what was taken finds room to end; and what the mover cannot put down shows, though the store may go on in
 * the space that it has.
 */
import { statfsSync } from 'node:fs';
import type { Logger } from 'pino';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';

export interface Disk {
  /** Looks at most once in diskLookMs. Errors: STORE_FULL. */
  expectRoom(): void;
  /** The volume with the least room; nothing where no volume says how much it has. */
  status(): DiskStatus | undefined;
}

export interface Room {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

export interface DiskStatus extends Room {
  /** Somebody should make room soon. */
  readonly low: boolean;
}

export interface DiskOptions {
  /** Folders on the volumes that matter. A volume that says nothing of its room has some. */
  readonly dirs: readonly string[];
  readonly steady: () => number;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly roomAt?: (dir: string) => Room | undefined;
}

export function createDisk({ dirs, steady, log, roomAt = roomOf }: DiskOptions): Disk {
  let lookedMs = Number.NEGATIVE_INFINITY;
  let least: DiskStatus | undefined;
  const look = (): DiskStatus | undefined => {
    const nowMs = steady();
    if (nowMs - lookedMs < limits.diskLookMs) return least;
    lookedMs = nowMs;
    const before = least?.low ?? false;
    const rooms = dirs.flatMap((dir) => roomAt(dir) ?? []);
    const [first] = rooms.toSorted((a, b) => a.freeBytes - b.freeBytes);
    least = first && { ...first, low: rooms.some(isLow) };
    if (least?.low && !before) log.warn({ ...first }, 'the disk will be full');
    if (!least?.low && before) log.info({ ...first }, 'the disk has room again');
    return least;
  };
  return {
    status: look,
    expectRoom() {
      const { freeBytes = Number.POSITIVE_INFINITY } = look() ?? {};
      if (freeBytes >= limits.diskReserveBytes) return;
      throw new SallyportError(
        'STORE_FULL',
        `expected ${limits.diskReserveBytes} bytes of room on the disk, got ${freeBytes}`,
        { hint: 'free space on the file system that holds the home of the node' },
      );
    },
  };
}

const isLow = ({ freeBytes, sizeBytes }: Room): boolean =>
  freeBytes < Math.max(limits.diskLowBytes, sizeBytes * limits.diskLowShare);

function roomOf(dir: string): Room | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(dir);
    return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}
