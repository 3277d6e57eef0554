/** Old binary documents of Office: macro sheets of Excel 4.0, passwords, files that are damaged. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { entriesOf } from '@sallyport/shared/content/file/compound.ts';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import { fileTypes } from '@sallyport/shared/content/file/media.ts';
import { bookOf, compoundFileOf, recordOf } from './compound-file.ts';

const inspect = (bytes: Buffer) => inspectFile(bytes, new Set(fileTypes));
const withBook = (book: Buffer, name = 'Workbook'): Buffer => compoundFileOf({ [name]: book });
const nothing = Buffer.alloc(0);
const filePass = recordOf(0x2f, Buffer.alloc(6));
const text = (flags: number): Buffer => {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt16LE(0xa5ec, 0);
  bytes.writeUInt16LE(flags, 10);
  return bytes;
};

const sound: Readonly<Record<string, Buffer>> = {
  'a book of worksheets and a chart': withBook(
    bookOf([{}, { listed: 2, begins: 0x20 }, { hidden: 1 }]),
  ),
  'a book with a password for changes alone': withBook(bookOf([{}], [recordOf(0x86, nothing)])),
  'a book in two versions': compoundFileOf({ Book: bookOf([{}]), Workbook: bookOf([{}]) }),
  'a book behind 8 MiB of others, whose table goes on outside of the header': compoundFileOf({
    ...{ Pictures: Buffer.alloc(8 * 1024 * 1024), Workbook: bookOf([{}]) },
  }),
  'a book of a million empty records': withBook(
    bookOf([{}], [Buffer.alloc(4_000_000, '\x01\0\0\0')]),
  ),
  'a text': compoundFileOf({ WordDocument: text(0) }),
};
for (const [name, bytes] of Object.entries(sound)) {
  test(`${name} passes`, async () => {
    assert.equal((await inspect(bytes)).type, 'ole');
  });
}

const macro = { listed: 1, begins: 0x40 };
const live: Readonly<Record<string, Buffer>> = {
  'a macro sheet': withBook(bookOf([{}, macro])),
  'a macro sheet that no menu shows': withBook(bookOf([{}, { ...macro, hidden: 2 }])),
  'a macro sheet that only the list says': withBook(bookOf([{ listed: 1 }])),
  'a macro sheet that only the sheet says': withBook(bookOf([{ begins: 0x40 }])),
  'a module': withBook(bookOf([{ listed: 6, begins: 0x06 }])),
  'a macro sheet in a book of the older kind': withBook(bookOf([macro]), 'Book'),
  'a macro sheet in one of two versions': compoundFileOf({
    ...{ Workbook: bookOf([{}]), Book: bookOf([macro]) },
  }),
  'a macro sheet in a stream of other case': withBook(bookOf([macro]), 'wORKBOOK'),
  'a macro sheet behind 8 MiB of others': compoundFileOf({
    ...{ Pictures: Buffer.alloc(8 * 1024 * 1024), Workbook: bookOf([{}, macro]) },
  }),
  'an embedded program': compoundFileOf({ '\u0001Ole10Native': nothing }),
  'VBA in a storage of other case': compoundFileOf({ _vba_project_cur: nothing }),
  'more books than versions': compoundFileOf({
    ...{ Workbook: bookOf([{}]), WORKBOOK: bookOf([{}]), Book: bookOf([{}]) },
  }),
};
for (const [name, bytes] of Object.entries(live)) {
  test(`${name} is refused: FILE_ACTIVE`, async () => {
    await assert.rejects(inspect(bytes), { code: 'FILE_ACTIVE' });
  });
}

test('what a presentation has packed is active, and one without passes', async () => {
  const slides = (stream: Buffer): Buffer => compoundFileOf({ 'PowerPoint document': stream });
  const stream = Buffer.alloc(8 * 512, '.');
  assert.equal((await inspect(slides(stream))).type, 'ole');
  const packed = deflateSync(Buffer.from('_VBA_PROJECT', 'utf16le'));
  const head = Buffer.from('1000111000000000ffff0000', 'hex');
  head.writeUInt32LE(packed.length + 4, 4);
  for (const at of [0, 505, 4000]) {
    const one = Buffer.from(stream);
    Buffer.concat([head, packed]).copy(one, at);
    await assert.rejects(inspect(slides(one)), { code: 'FILE_ACTIVE' }, String(at));
  }
});

for (const name of ['__properties_version1.0', '\u4840\u3f3f\u4577\u446c\u3b6a\u45e4\u4824']) {
  test(`a compound file with a stream ${name} is no document: active`, async () => {
    await assert.rejects(inspect(compoundFileOf({ [name]: Buffer.alloc(4096) })), {
      code: 'FILE_ACTIVE',
    });
  });
}

const changed = (bytes: Buffer, at: number, ...to: readonly number[]): Buffer => {
  const copy = Buffer.from(bytes);
  copy.set(to, at);
  return copy;
};
const good = withBook(bookOf([{}]));
/** Behind the header and eight sectors of the book; the table comes behind it. */
const directory = 9 * 512;
const noEnd = bookOf([]).subarray(0, -4);
const closed: Readonly<Record<string, Buffer>> = {
  'a book with a password': withBook(bookOf([{}], [filePass])),
  'a book with a password far behind its beginning': withBook(
    bookOf([{}], [...Array<Buffer>(40).fill(recordOf(0x86, nothing)), filePass]),
  ),
  'a text with a password': compoundFileOf({ WordDocument: text(0x0100) }),
  'a document of Office with a password, in names of other case': compoundFileOf({
    ...{ ENCRYPTEDPACKAGE: nothing, encryptioninfo: nothing },
  }),
  'a book that does not begin': withBook(Buffer.alloc(4096)),
  'a book that does not end': withBook(noEnd.subarray(0, -1)),
  'a sheet that begins nowhere': withBook(
    Buffer.concat([
      noEnd,
      recordOf(0x85, Buffer.from([0xff, 0xff, 0, 0, 0, 0, 0, 0])),
      bookOf([{}]),
    ]),
  ),
  'no directory': good.subarray(0, 512),
  'sectors of the table without end': changed(good, 68, 0, 0, 0, 0),
  'sectors of the table that are cut': changed(good.subarray(0, -100), 68, 9, 0, 0, 0),
  'a header that is cut': good.subarray(0, 60),
  'a sector size that is none': changed(good, 30, 3),
  'small streams of another size': changed(good, 56, 0, 0),
  'a directory in a circle': changed(good, directory + 512 + 8 * 4, 8, 0, 0, 0),
  'a stream that begins behind the end': changed(good, directory + 128 + 116, 0xff, 0xff),
  'a stream that is larger than its sectors': changed(good, directory + 128 + 120, 0, 0, 1),
  'a name of another length than it says': changed(good, directory + 128 + 64, 4),
};
for (const [name, bytes] of Object.entries(closed)) {
  test(`${name} is refused: FILE_ENCRYPTED`, async () => {
    await assert.rejects(inspect(bytes), { code: 'FILE_ENCRYPTED' });
  });
}

test('what another program packed is found, small streams and large', () => {
  const read = (file: string, name: string): Buffer | undefined =>
    entriesOf(readFileSync(join(import.meta.dirname, 'documents', file)))
      .find((entry) => entry.name === name)
      ?.read();
  assert.equal(read('plain.doc', 'WORDDOCUMENT')?.readUInt16LE(0), 0xa5ec);
  assert.equal(read('plain.xls', 'WORKBOOK')?.readUInt16LE(0), 0x0809);
  const info = read('agile.xlsx', 'ENCRYPTIONINFO');
  assert.match(String(info), /http:\/\/schemas\.microsoft\.com\/office\/2006\/encryption/);
});
