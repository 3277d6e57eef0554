/** A package in a file. The handle stays the caller's to close and to sync. */
import type { FileHandle } from 'node:fs/promises';
import { type ByteSink, type ByteSource, truncated } from '../source.ts';

const none = Buffer.alloc(0);

export async function fileSource(handle: FileHandle): Promise<ByteSource> {
  const { size } = await handle.stat();
  return {
    size,
    async read(offset, length, memory = none) {
      if (offset + length > size) throw truncated(offset + length, size);
      const fits = length <= memory.length;
      const bytes = fits ? memory.subarray(0, length) : Buffer.allocUnsafe(length);
      let read = 0;
      while (read < length) {
        const { bytesRead } = await handle.read(bytes, read, length - read, offset + read);
        if (bytesRead === 0) throw truncated(offset + length, offset + read);
        read += bytesRead;
      }
      return bytes;
    },
  };
}

export function fileSink(handle: FileHandle): ByteSink {
  return {
    async write(offset, bytes) {
      let written = 0;
      while (written < bytes.length) {
        const left = bytes.length - written;
        const { bytesWritten } = await handle.write(bytes, written, left, offset + written);
        written += bytesWritten;
      }
    },
  };
}
