/**
 * The directory and the streams of a compound file (MS-CFB), the container of old Office documents.
 *
 *   header ▶ sectors of the table ▶ table: sector → the next of its chain ▶ directory ▶ stream
 *                                             └ small streams: the same in miniature, inside one stream
 */
import { encrypted } from './refusals.ts';

export interface Entry {
  /** In capitals: names are the same whatever their case. */
  readonly name: string;
  /** Its bytes. Errors: FILE_ENCRYPTED. */
  read(): Buffer;
}

/** All entries, those that are no longer used among them. Errors: FILE_ENCRYPTED where it is damaged. */
export function entriesOf(bytes: Buffer): Entry[] {
  if (bytes.length < headerBytes) throw encrypted();
  const shift = bytes.readUInt16LE(30);
  if (shift !== (bytes.readUInt16LE(26) === 4 ? 12 : 9)) throw encrypted();
  if (bytes.readUInt16LE(32) !== 6 || bytes.readUInt32LE(56) !== smallBelow) throw encrypted();
  const sectorBytes = 1 << shift;
  const sectors = bytes.subarray(sectorBytes);
  const table = joined(sectors, tableSectors(bytes, sectors, sectorBytes), sectorBytes);
  const follow = (start: number): Buffer =>
    joined(sectors, chainOf(table, start, sectors.length / sectorBytes), sectorBytes);
  const directory = follow(bytes.readUInt32LE(48));

  const ofSmall = (start: number): Buffer => {
    const small = follow(directory.readUInt32LE(startAt));
    const smallTable = follow(bytes.readUInt32LE(60));
    return joined(small, chainOf(smallTable, start, small.length / smallBytes), smallBytes);
  };
  const entries: Entry[] = [];
  for (let at = 0; at + entryBytes <= directory.length; at += entryBytes) {
    const entry = directory.subarray(at, at + entryBytes);
    const [start, size] = [entry.readUInt32LE(startAt), entry.readUInt32LE(sizeAt)];
    entries.push({
      name: nameOf(entry),
      read() {
        const all = size < smallBelow ? ofSmall(start) : follow(start);
        if (all.length < size) throw encrypted();
        return all.subarray(0, size);
      },
    });
  }
  return entries;
}

const headerBytes = 512;
const entryBytes = 128;
const startAt = 116;
const sizeAt = 120;
const smallBytes = 64;
const smallBelow = 4096;
/** Above these are marks: the end of a chain, a free sector, sectors of the table. */
const sectorMax = 0xfffffffa;

/** The first are in the header, the others in sectors of their own, each of which ends with the next. */
function tableSectors(header: Buffer, sectors: Buffer, sectorBytes: number): number[] {
  const found: number[] = [];
  const take = (from: Buffer): void => {
    for (let at = 0; at + 4 <= from.length; at += 4) {
      const sector = from.readUInt32LE(at);
      if (sector <= sectorMax) found.push(sector);
    }
  };
  take(header.subarray(76, headerBytes));
  let next = header.readUInt32LE(68);
  for (let left = sectors.length / sectorBytes; next <= sectorMax; left -= 1) {
    if (left <= 0) throw encrypted();
    const more = joined(sectors, [next], sectorBytes);
    if (more.length < sectorBytes) throw encrypted();
    take(more.subarray(0, -4));
    next = more.readUInt32LE(sectorBytes - 4);
  }
  if (found.length > sectors.length / sectorBytes) throw encrypted();
  return found;
}

function chainOf(table: Buffer, start: number, most: number): number[] {
  const chain: number[] = [];
  for (let at = start; at <= sectorMax; at = table.readUInt32LE(at * 4)) {
    // More than there are: it goes in a circle.
    if (chain.push(at) > Math.ceil(most) || at * 4 + 4 > table.length) throw encrypted();
  }
  return chain;
}

/** The last sector of a file may be cut. */
function joined(from: Buffer, numbers: readonly number[], each: number): Buffer {
  return Buffer.concat(
    numbers.map((number) => {
      if (number * each >= from.length) throw encrypted();
      return from.subarray(number * each, (number + 1) * each);
    }),
  );
}

/** Its length stands twice: as a number, and by the zero at its end. */
function nameOf(entry: Buffer): string {
  const [name = ''] = entry.toString('utf16le', 0, 64).split('\0');
  const said = entry.readUInt16LE(64);
  if (said !== (name === '' ? said : (name.length + 1) * 2)) throw encrypted();
  return name.toUpperCase();
}
