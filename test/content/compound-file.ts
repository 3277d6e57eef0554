/** Compound files (MS-CFB) and old books in them, made for tests; LibreOffice opens them. */

/** In the order of the directory; names as they shall stand there. */
export function compoundFileOf(streams: Readonly<Record<string, Buffer>>): Buffer {
  const sectors: Buffer[] = [];
  const table: number[] = [];
  const add = (bytes: Buffer): number => {
    const start = sectors.length;
    for (let at = 0; at < bytes.length; at += sectorBytes) {
      sectors.push(padded(bytes.subarray(at, at + sectorBytes), sectorBytes));
      table.push(sectors.length);
    }
    table[table.length - 1] = endOfChain;
    return start;
  };
  const all = Object.entries(streams);
  const entries = all.map(([name, bytes], index) => {
    // What is smaller would lie in another stream.
    const stream = padded(bytes, Math.max(bytes.length, 4096));
    const right = index === all.length - 1 ? nobody : index + 2;
    return entryOf(name, { type: 2, start: add(stream), size: stream.length, right });
  });
  const root = entryOf('Root Entry', { type: 5, start: endOfChain, size: 0, child: 1 });
  const directory = add(Buffer.concat([root, ...entries]));
  return withTable(sectors, table, directory);
}

/** Behind all other sectors those that list sectors of the table, where there are any, and the table. */
function withTable(
  sectors: readonly Buffer[],
  chains: readonly number[],
  directory: number,
): Buffer {
  const count = sectors.length;
  let lists = 0;
  let tables = 0;
  for (let before = -1; before !== lists + tables; ) {
    before = lists + tables;
    tables = Math.ceil((count + before) / perSector);
    lists = Math.ceil(Math.max(0, tables - inHeader) / (perSector - 1));
  }
  const numbers = Array.from({ length: tables }, (_, index) => count + lists + index);
  const header = Buffer.alloc(sectorBytes, 0xff);
  header.fill(0, 0, 76);
  Buffer.from('d0cf11e0a1b11ae1', 'hex').copy(header);
  const short = { 24: 0x3e, 26: 3, 28: 0xfffe, 30: 9, 32: 6 };
  for (const [at, value] of Object.entries(short)) header.writeUInt16LE(value, Number(at));
  const first = lists === 0 ? endOfChain : count;
  const long = { 44: tables, 48: directory, 56: 4096, 60: endOfChain, 68: first, 72: lists };
  for (const [at, value] of Object.entries(long)) header.writeUInt32LE(value, Number(at));
  words(numbers.slice(0, inHeader)).copy(header, 76);
  const listed = Array.from({ length: lists }, (_, index) => {
    const from = inHeader + index * (perSector - 1);
    const list = Buffer.alloc(sectorBytes, 0xff);
    words(numbers.slice(from, from + perSector - 1)).copy(list);
    const next = index === lists - 1 ? endOfChain : count + index + 1;
    list.writeUInt32LE(next, sectorBytes - 4);
    return list;
  });
  const own = [...Array<number>(lists).fill(0xfffffffc), ...numbers.fill(0xfffffffd)];
  const table = Buffer.alloc(tables * sectorBytes, 0xff);
  words([...chains, ...own]).copy(table);
  return Buffer.concat([header, ...sectors, ...listed, table]);
}

const sectorBytes = 512;
const perSector = sectorBytes / 4;
const inHeader = 109;
const endOfChain = 0xfffffffe;
const nobody = 0xffffffff;

interface Fields {
  readonly type: number;
  readonly start: number;
  readonly size: number;
  readonly right?: number;
  readonly child?: number;
}

function entryOf(
  name: string,
  { type, start, size, right = nobody, child = nobody }: Fields,
): Buffer {
  const entry = Buffer.alloc(128);
  entry.write(name, 'utf16le');
  entry.writeUInt16LE((name.length + 1) * 2, 64);
  entry.writeUInt8(type, 66);
  words([nobody, right, child]).copy(entry, 68);
  words([start, size]).copy(entry, 116);
  return entry;
}

const padded = (bytes: Buffer, length: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);

function words(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, index * 4);
  return bytes;
}

export interface Sheet {
  /** As the list of sheets has it; 0: a worksheet, 1: a macro sheet. */
  readonly listed?: number;
  /** As it begins itself; 0x10: a worksheet, 0x40: a macro sheet. */
  readonly begins?: number;
  /** 2: so hidden that no menu shows it. */
  readonly hidden?: number;
}

/** The stream of a book (BIFF8): `records` behind its beginning, the list of the sheets, the sheets. */
export function bookOf(sheets: readonly Sheet[], records: readonly Buffer[] = []): Buffer {
  const front = [begin(0x0005), ...records];
  const listBytes = sheets.length * boundSheet(0, {}).length + end.length;
  const from = Buffer.concat(front).length + listBytes;
  const each = begin(0).length + end.length;
  const list = sheets.map((sheet, index) => boundSheet(from + index * each, sheet));
  const own = sheets.flatMap(({ begins = 0x0010 }) => [begin(begins), end]);
  return Buffer.concat([...front, ...list, end, ...own]);
}

export function recordOf(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(type, 0);
  head.writeUInt16LE(body.length, 2);
  return Buffer.concat([head, body]);
}

function begin(type: number): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt16LE(0x0600, 0);
  body.writeUInt16LE(type, 2);
  return recordOf(0x0809, body);
}

function boundSheet(at: number, { listed = 0, hidden = 0 }: Sheet): Buffer {
  const body = Buffer.from([0, 0, 0, 0, hidden, listed, 1, 0, 0x61]);
  body.writeUInt32LE(at, 0);
  return recordOf(0x0085, body);
}

const end = recordOf(0x000a, Buffer.alloc(0));
