/** One package from its file into the socket: a head frame, then parts. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { checkSize } from '../room.ts';
import { parseSpoolName } from '../spool.ts';
import { encodeHead, encodePart } from './frame.ts';

/**
 * Resolves with the package's size when the socket took every byte. One part at a time is in
 * memory; a small package leaves in one write. Errors: CHANNEL_FRAME for a file that is no package,
 * CHANNEL_LOST where the socket died (or the file changed, which ends the connection).
 */
export async function writePackage(socket: TLSSocket, file: string): Promise<number> {
  const name = basename(file);
  const flowClass = parseSpoolName(name)?.flowClass;
  if (!flowClass) throw new SallyportError('CHANNEL_FRAME', `expected a spool name, got ${name}`);
  // The spool is local and parts are small: a trip to another thread would cost more than the call.
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = fstatSync(handle);
    checkSize(size);
    let start: Buffer[] = [encodeHead(flowClass, name, size)];
    for (let left = size; left > 0; ) {
      const part = readPart(handle, Math.min(left, limits.linkPartBytesMax));
      if (!part) throw cut(socket, name);
      left -= part.length;
      await write(socket, Buffer.concat([...start, encodePart(flowClass, part.length), part]));
      start = [];
    }
    return size;
  } finally {
    closeSync(handle);
  }
}

function readPart(handle: number, length: number): Buffer | undefined {
  const part = Buffer.allocUnsafe(length);
  const bytesRead = readSync(handle, part);
  return bytesRead === 0 ? undefined : part.subarray(0, bytesRead);
}

function write(socket: TLSSocket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (cause?: unknown): void =>
      reject(new SallyportError('CHANNEL_LOST', 'the link broke during a package', { cause }));
    if (socket.destroyed || socket.writableEnded) return gone();
    socket.write(bytes, (failed) => (failed ? gone(failed) : resolve()));
  });
}

/**
 * The announced bytes cannot be delivered any more: only a new connection gets both sides in step.
 */
function cut(socket: TLSSocket, name: string): SallyportError {
  const error = new SallyportError('CHANNEL_LOST', `expected all of ${name}, got a shorter file`);
  socket.destroy(error);
  return error;
}
