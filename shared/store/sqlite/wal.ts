/**
 * Is the write-ahead log whole? SQLite itself stops reading at the first frame that does not fit, as it
 * must after a crash, and so takes a damaged log for a short one: commits that were promised would be
 * gone without a word, sequences used twice, packages taken twice.
 *
 *   header │ frame frame* frame │ frame* │ …        * ends a commit
 *                    ▲ does not fit   └ the chain of checksums goes on, with commits: not a torn end
 *
 * A crash tears the last commit only, for each is synced before the next begins. So two commits in one
 * unbroken chain behind a frame that does not fit prove damage; anything less is a torn end.
 * Source: SQLite file format, §4 The Write-Ahead Log.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

const headerBytes = 32;
const frameHeadBytes = 24;
const magicLittle = 0x377f0682;
/** Frames read at once. */
const framesPerRead = 64;

/** True where the log at `path` ends as a crash may leave it, or there is none. */
export function isLogWhole(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw thrown;
  }
  try {
    return checkFrames(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

interface Sum {
  a: number;
  b: number;
}

function checkFrames(file: number, size: number): boolean {
  const header = Buffer.alloc(headerBytes);
  if (readSync(file, header, 0, headerBytes, 0) < headerBytes) return true;
  const pageBytes = header.readUInt32BE(8);
  const swap = (header.readUInt32BE(0) === magicLittle) !== (endianness() === 'LE');
  const sum: Sum = { a: 0, b: 0 };
  add(sum, header.subarray(0, 24), swap);
  // The header is synced before the first frame: with frames behind it, it is not torn.
  if (!matches(sum, header, 24)) return size < headerBytes + frameHeadBytes;
  const salts = header.subarray(16, 24);
  const frameBytes = frameHeadBytes + pageBytes;
  const buffer = Buffer.allocUnsafeSlow(framesPerRead * frameBytes);
  let broken = false;
  let commits = 0;
  for (let at = headerBytes; at + frameBytes <= size; ) {
    const held = readSync(file, buffer, 0, buffer.length, at);
    const frames = Math.floor(held / frameBytes);
    if (frames === 0) break;
    for (let index = 0; index < frames; index += 1) {
      const frame = buffer.subarray(index * frameBytes, (index + 1) * frameBytes);
      add(sum, frame.subarray(0, 8), swap);
      add(sum, frame.subarray(frameHeadBytes), swap);
      const fits = matches(sum, frame, 16) && frame.subarray(8, 16).equals(salts);
      if (!fits) {
        broken = true;
        commits = 0;
        sum.a = frame.readUInt32BE(16) | 0;
        sum.b = frame.readUInt32BE(20) | 0;
      } else if (broken && frame.readUInt32BE(4) !== 0) {
        commits += 1;
        if (commits === 2) return false;
      }
    }
    at += frames * frameBytes;
  }
  return true;
}

const matches = ({ a, b }: Sum, bytes: Buffer, at: number): boolean =>
  bytes.readUInt32BE(at) === a >>> 0 && bytes.readUInt32BE(at + 4) === b >>> 0;

/** The log's checksum over words of 32 bits, two at a time; `bytes` is a multiple of 8. */
function add(sum: Sum, bytes: Buffer, swap: boolean): void {
  const words = aligned(bytes, swap);
  let { a, b } = sum;
  for (let index = 0; index < words.length; index += 2) {
    a = (a + (words[index] ?? 0) + b) | 0;
    b = (b + (words[index + 1] ?? 0) + a) | 0;
  }
  sum.a = a;
  sum.b = b;
}

function aligned(bytes: Buffer, swap: boolean): Int32Array {
  const copy =
    swap || bytes.byteOffset % 4 !== 0 ? Buffer.from(Uint8Array.from(bytes).buffer) : bytes;
  if (swap) copy.swap32();
  return new Int32Array(copy.buffer, copy.byteOffset, copy.length / 4);
}
