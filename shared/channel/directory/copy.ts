/** From an open file into a spool directory, part by part; works across file systems. */
import type { FileHandle } from 'node:fs/promises';
import { counted } from '../../counted.ts';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { depositFile } from '../spool.ts';

/**
 * Copies exactly `size` bytes and returns the final path, durable. CHANNEL_LOST where the source is
 * not (or no longer) that long: whoever writes it is not done.
 */
export async function copyPackage(
  source: FileHandle,
  size: number,
  dir: string,
  name: string,
): Promise<string> {
  const deposit = await depositFile(dir, name);
  try {
    // One byte more than expected is asked for, so that a file that still grows is seen.
    const buffer = Buffer.allocUnsafe(Math.min(size + 1, limits.channelReadBytes));
    let copied = 0;
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length);
      copied += bytesRead;
      if (copied > size || bytesRead === 0) break;
      await deposit.write(buffer.subarray(0, bytesRead));
    }
    if (copied !== size) {
      throw new SallyportError(
        'CHANNEL_LOST',
        `expected ${counted(size, 'byte')}, got another length`,
      );
    }
  } catch (error) {
    await deposit.abort();
    throw error;
  }
  return deposit.commit();
}
