/** POSIX ustar with regular files and folders. Extensions of pax and GNU are not read but refused. */
import { type Budget, count, spend } from './budget.ts';
import { archiveRefused } from './refusals.ts';
import { expectName, type Unpacked } from './unpacked.ts';

const blockBytes = 512;

/** Errors: ARCHIVE_REFUSED. */
export function untar(bytes: Buffer, budget: Budget): Unpacked[] {
  const files: Unpacked[] = [];
  let at = 0;
  for (;;) {
    const block = bytes.subarray(at, at + blockBytes);
    if (block.length < blockBytes) throw archiveRefused('damaged');
    if (block.every((byte) => byte === 0)) break;
    count(budget);
    const { name, kind, size } = readHeader(block);
    if (kind !== '' && kind !== '0' && kind !== '5') throw archiveRefused('link');
    expectName(name);
    at += blockBytes;
    if (at + size > bytes.length) throw archiveRefused('damaged');
    if (kind === '5' ? size > 0 : name.endsWith('/')) throw archiveRefused('headers');
    const end = at + size;
    if (kind !== '5') {
      spend(budget, size, size);
      files.push({ name, bytes: bytes.subarray(at, end) });
    }
    at += Math.ceil(size / blockBytes) * blockBytes;
    if (bytes.subarray(end, at).some((byte) => byte !== 0)) throw archiveRefused('damaged');
  }
  if (bytes.subarray(at).some((byte) => byte !== 0)) throw archiveRefused('damaged');
  return files;
}

function readHeader(block: Buffer): { name: string; kind: string; size: number } {
  const text = (from: number, length: number): string =>
    block.toString('utf8', from, from + length).replace(/\0.*$/s, '');
  const number = (from: number, length: number): number => {
    const digits = text(from, length).trim();
    if (!/^[0-7]{1,11}$/.test(digits)) throw archiveRefused('headers');
    return Number.parseInt(digits, 8);
  };
  const sum = block.reduce(
    (total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte),
    0,
  );
  if (number(148, 8) !== sum) throw archiveRefused('headers');
  const magic = block.toString('latin1', 257, 263);
  const prefix = text(345, 155);
  // GNU's own form has other fields where ustar has the begin of a long name.
  const isGnu = magic === 'ustar ' && prefix === '';
  if (magic !== 'ustar\0' && !isGnu) throw archiveRefused('headers');
  const name = prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
  return { name, kind: text(156, 1), size: number(124, 12) };
}
