/** Files of consumers and services: types, archives, documents. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, inflateRawSync } from 'node:zlib';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import { fileTypes } from '@sallyport/shared/content/file/media.ts';
import { tarOf, zipOf } from '../content/archives.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes } from './mutate.ts';

const every = new Set(fileTypes);
const codes = [
  'FILE_TYPE_REFUSED',
  'FILE_TOO_LARGE',
  'FILE_ENCRYPTED',
  'FILE_ACTIVE',
  'ARCHIVE_REFUSED',
] as const;

const dir = join(import.meta.dirname, '../content/documents');
const documentsOf = (...ends: string[]): Buffer[] =>
  readdirSync(dir)
    .filter((name) => ends.some((end) => name.endsWith(end)))
    .map((name) => readFileSync(join(dir, name)));

const entries = [
  { name: 'a.txt', content: 'hello '.repeat(20) },
  { name: 'b/', content: '', stored: true },
  { name: 'b/c.csv', content: '1,2\n', stored: true },
];
const tar = tarOf([
  { name: 'a.txt', content: 'hello' },
  { name: 'b/', kind: '5' },
  { name: 'c', content: 'x', magic: 'ustar  ' },
]);
const zips = [
  zipOf(entries),
  zipOf(entries.map((entry) => ({ ...entry, descriptor: {} }))),
  zipOf(entries.map((entry) => ({ ...entry, zip64: {} }))),
];

/** What a reader makes of a zip that goes by the headers from its start, where these tell sizes. */
function fromItsStart(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; bytes.readUInt32LE(at) === 0x04034b50; ) {
    const [flags, method] = [bytes.readUInt16LE(at + 6), bytes.readUInt16LE(at + 8)];
    const [packed, size] = [bytes.readUInt32LE(at + 18), bytes.readUInt32LE(at + 22)];
    if ((flags & 8) !== 0 || packed === 0xffffffff) return [];
    const from = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
    const content = bytes.subarray(from, from + packed);
    if (size > 0) found.push(method === 0 ? content : inflateRawSync(content));
    at = from + packed;
  }
  return found;
}

fuzz('archives', {
  codes,
  attempt: async (random) => {
    const bytes = mutateBytes(random, [...zips, tar, gzipSync('hello'), gzipSync(tar)]);
    const { type, parts } = await inspectFile(bytes, every);
    if (type !== 'zip' || parts.some((part) => part.includes('PK'))) return;
    const others = fromItsStart(bytes);
    if (others.length > 0) assert.deepEqual(parts, others);
  },
});

const sheets = [
  'ID;PWXL;N;E\r\nNN;NAuto_open;ER101C1;KOut\r\nC;X1;Y101;EHALT()\r\nE\r\n',
  'ID;P\nP;PGeneral\nF;P0;X1\nC;Y1;X1;K0;Ecmd|"/C calc"!A1\nE\n',
  'ID;PLZ;Ort\n1;80331;Ulm\n',
  'TABLE\n0,1\n"EXCEL"\nDATA\n0,0\n""\n-1,0\nEOD\n',
].map((text) => Buffer.from(text));

/** What a reader of SYLK takes from a text, record by record: whatever is or does something. */
function sylkRecords(text: string): string[] {
  const [first = '', ...records] = text.replace(/^\ufeff?\s*/, '').split(/[\r\n]/);
  if (!/^id$/i.test(first.split(/[^\p{L}\p{N}_]/u)[0] ?? '')) return [];
  const types = new Set(['C', 'NE', 'NN', 'NU']);
  return records.filter((one) => one.includes(';') && types.has(typeOfRecord(one)));
}
const typeOfRecord = (record: string): string => (record.split(';')[0] ?? '').trim().toUpperCase();

fuzz('spreadsheets in text', {
  codes,
  attempt: async (random) => {
    const bytes = mutateBytes(random, sheets);
    const { type } = await inspectFile(bytes, every);
    if (type === 'text') assert.deepEqual(sylkRecords(bytes.toString('utf8')), []);
  },
});

fuzz('documents of offices', {
  oneIn: 8,
  codes,
  attempt: (random) =>
    inspectFile(
      mutateBytes(random, documentsOf('plain.docx', '.xlsx', '.odt', '.ods', '.doc', '.xls')),
      every,
    ),
});

fuzz('PDFs', {
  oneIn: 2,
  codes,
  attempt: (random) => inspectFile(mutateBytes(random, documentsOf('.pdf')), every),
});
