/**
 * The archive: POSIX ustar with every field fixed but name, size and checksum. There is no tar
 * parser. The reader knows each entry's name and size beforehand, or reads the size field and then
 * demands exactly the header block that we would have written: links, absolute paths, other owners
 * or modes differ from it and are refused.
 */
import { SallyportError } from '../errors.ts';

export const blockBytes = 512;

/** The two zero blocks that end an archive. */
export const archiveEnd: Buffer = Buffer.alloc(2 * blockBytes);

const sizeField = { start: 124, digits: 11 };
const checksumStart = 148;
const entryBytesMax = 8 ** sizeField.digits - 1;

/** What every header block has in common: name, size and checksum are missing. */
const commonHead = Buffer.alloc(blockBytes);
commonHead.write('0000644\0', 100, 'ascii');
commonHead.write('0000000\0', 108, 'ascii');
commonHead.write('0000000\0', 116, 'ascii');
commonHead.write('00000000000\0', 136, 'ascii');
commonHead.write('        ', checksumStart, 'ascii');
commonHead.write('0', 156, 'ascii');
commonHead.write('ustar\x0000', 257, 'ascii');
commonHead.write('0000000\0', 329, 'ascii');
commonHead.write('0000000\0', 337, 'ascii');
const commonSum = commonHead.reduce((sum, byte) => sum + byte, 0);

/** The header block of a regular file. */
export function entryHead(name: string, size: number): Buffer {
  if (size > entryBytesMax) throw new RangeError(`expected a size of 11 octal digits, got ${size}`);
  const digits = size.toString(8).padStart(sizeField.digits, '0');
  const block = Buffer.from(commonHead);
  block.write(name, 0, 'ascii');
  block.write(digits, sizeField.start, 'ascii');
  let sum = commonSum;
  for (let at = 0; at < name.length; at += 1) sum += name.charCodeAt(at);
  for (let at = 0; at < digits.length; at += 1) sum += digits.charCodeAt(at);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, checksumStart, 'ascii');
  return block;
}

/** Zero bytes after a content of `size`. */
export function padding(size: number): Buffer {
  return archiveEnd.subarray(0, (blockBytes - (size % blockBytes)) % blockBytes);
}

/** Bytes of header, content and padding together. */
export function entryBytes(size: number): number {
  return blockBytes + Math.ceil(size / blockBytes) * blockBytes;
}

/** Size of the entry `name` from its header block. Errors: PACKAGE_LAYOUT, PACKAGE_TOO_LARGE. */
export function readEntrySize(block: Buffer, name: string, sizeMax: number): number {
  const digits = block.toString('latin1', sizeField.start, sizeField.start + sizeField.digits);
  if (!/^[0-7]{11}$/.test(digits)) throw layout(name);
  const size = Number.parseInt(digits, 8);
  expectEntryHead(block, name, size);
  if (size > sizeMax) {
    throw new SallyportError(
      'PACKAGE_TOO_LARGE',
      `expected at most ${sizeMax} bytes of ${name}, got ${size}`,
    );
  }
  return size;
}

/** Errors: PACKAGE_LAYOUT unless the block is exactly the header of this entry. */
export function expectEntryHead(block: Buffer, name: string, size: number): void {
  if (!block.equals(entryHead(name, size))) throw layout(name);
}

/** Errors: PACKAGE_LAYOUT unless these are zeros: padding and the end of the archive. */
export function expectZeros(bytes: Buffer): void {
  if (!bytes.equals(archiveEnd.subarray(0, bytes.length))) {
    throw new SallyportError('PACKAGE_LAYOUT', 'expected zeros between and after the entries');
  }
}

function layout(name: string): SallyportError {
  return new SallyportError('PACKAGE_LAYOUT', `expected the entry ${name} with its fixed header`, {
    hint: 'the file is no package of version 1, or was changed on its way',
  });
}
