/**
 * Archives that say one thing to one reader and another to the next, or hide bytes where none is looked for:
 * each is refused, and its plain likeness passes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import { fileTypes } from '@sallyport/shared/content/file/media.ts';
import { type Descriptor, tarOf, type ZipEntry, zipOf } from './archives.ts';

const inspect = (bytes: Buffer) => inspectFile(bytes, new Set(fileTypes));
const content = 'hello';
const one = (entry: Partial<ZipEntry>): Buffer => zipOf([{ name: 'a.txt', content, ...entry }]);
const two = (entry: Partial<ZipEntry>): Buffer =>
  zipOf([
    { name: 'a.txt', content, ...entry },
    { name: 'b.txt', content: 'more' },
  ]);
const described = (descriptor: Descriptor): Buffer => two({ descriptor });
/** Bytes put in before the second entry, to which the directory points behind them. */
function withGap(gap: string): Buffer {
  const plain = two({});
  const second = plain.indexOf('PK\x03\x04', 4, 'latin1');
  const bytes = Buffer.concat([
    plain.subarray(0, second),
    Buffer.from(gap),
    plain.subarray(second),
  ]);
  const end = bytes.length - 22;
  const directory = bytes.readUInt32LE(end + 16) + gap.length;
  bytes.writeUInt32LE(directory, end + 16);
  const entry = bytes.indexOf('PK\x01\x02', directory + 4, 'latin1');
  bytes.writeUInt32LE(second + gap.length, entry + 42);
  return bytes;
}
const gzipped = gzipSync(content);
/** A header with all that it may have, and no check of it. */
const fullHeader = Buffer.concat([
  Buffer.from([0x1f, 0x8b, 8, 4 | 8 | 16, 0, 0, 0, 0, 0, 3, 2, 0]),
  Buffer.from('xxname\0comment\0', 'latin1'),
  gzipped.subarray(10),
]);
const flagged = (flags: number): Buffer => {
  const bytes = Buffer.from(gzipped);
  bytes[3] = flags;
  return bytes;
};
const changed = (bytes: Buffer, fromEnd: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length - fromEnd] = (copy[copy.length - fromEnd] ?? 0) ^ 1;
  return copy;
};

const passing: readonly (readonly [string, Buffer])[] = [
  ['a zip', two({})],
  ['a zip with a stored entry', two({ stored: true })],
  ['a zip with a folder', zipOf([{ name: 'a/', content: '', stored: true }])],
  ['a zip with an empty entry', one({ content: '' })],
  ['a zip with descriptors', described({})],
  ['a zip with descriptors without signature', described({ signed: false })],
  ['a zip with wide descriptors', described({ wide: true })],
  ['a zip with sizes in zip64', two({ zip64: {} })],
  ['a gzip', gzipped],
  ['a gzip with everything in its header', fullHeader],
  ['a tar of GNU', tarOf([{ name: 'a', content, magic: 'ustar  ' }])],
  ['a tar with a long name', tarOf([{ name: 'a', content, prefix: 'b'.repeat(150) }])],
];
for (const [name, bytes] of passing) {
  test(`${name} is looked into`, async () => {
    const { inside } = await inspect(bytes);
    assert.ok((inside.text ?? 0) <= 2);
  });
}

const refused: readonly (readonly [string, Buffer, string])[] = [
  ['bytes behind the end of packed content', one({ behind: 'MZ' }), 'damaged'],
  [
    'a second packed content behind the first',
    one({ behind: String(deflateRawSync('x')) }),
    'damaged',
  ],
  ['bytes behind stored content', one({ stored: true, behind: 'MZ' }), 'damaged'],
  ['less than its directory says', one({ size: 6 }), 'damaged'],
  ['more than its directory says', one({ size: 4 }), 'damaged'],
  [
    'content in a folder that counts none',
    zipOf([{ name: 'a/', content: 'x', size: 0 }]),
    'damaged',
  ],
  ['another checksum than its content has', one({ crc: 1 }), 'damaged'],
  ['another checksum in its own header', one({ localCrc: 1 }), 'headers'],
  ['another flag in its own header', one({ localFlags: 0x0801 }), 'headers'],
  ['a packing that its own header does not name', two({ localFlags: 0 }), 'headers'],
  ['a descriptor of another size', described({ size: 6 }), 'headers'],
  ['a descriptor of another packed size', described({ packed: 1 }), 'headers'],
  ['a descriptor of another checksum', described({ crc: 1 }), 'headers'],
  ['a descriptor that is not there', two({ localFlags: 0x0808 }), 'headers'],
  ['another size in zip64', two({ zip64: { localSize: 6 } }), 'headers'],
  ['a few bytes between entries', withGap('PK'), 'headers'],
  ['an entry between entries', withGap('PK\x03\x04'.padEnd(40, 'a')), 'headers'],
  ['a comment', zipOf([{ name: 'a', content }], '', 'MZ, and more'), 'headers'],
  ['two members in a gzip', Buffer.concat([gzipped, gzipSync('world')]), 'damaged'],
  ['bytes behind a gzip', Buffer.concat([gzipped, Buffer.from('MZ')]), 'damaged'],
  ['zeros behind a gzip', Buffer.concat([gzipped, Buffer.alloc(8)]), 'damaged'],
  ['another checksum of a gzip', changed(gzipped, 8), 'damaged'],
  ['another size of a gzip', changed(gzipped, 4), 'damaged'],
  ['a reserved flag of a gzip', flagged(0x20), 'headers'],
  ['a header of a gzip without end', flagged(8).subarray(0, 14), 'damaged'],
  [
    'a name that pax puts in its place',
    tarOf([{ name: 'x', kind: 'x', content: '20 path=/etc/passwd\n' }]),
    'link',
  ],
  [
    'what pax says of all entries',
    tarOf([{ name: 'g', kind: 'g', content: '20 path=/etc/passwd\n' }]),
    'link',
  ],
  [
    'a long name of GNU',
    tarOf([{ name: '././@LongLink', kind: 'L', content: '/etc/passwd' }]),
    'link',
  ],
  [
    'a long link of GNU',
    tarOf([{ name: '././@LongLink', kind: 'K', content: '/etc/passwd' }]),
    'link',
  ],
  ['a sparse file of GNU', tarOf([{ name: 'a', kind: 'S' }]), 'link'],
  ['a volume of GNU', tarOf([{ name: 'a', kind: 'V' }]), 'link'],
  ['a file of another kind', tarOf([{ name: 'a', kind: '7' }]), 'link'],
  [
    'fields of GNU where a name may begin',
    tarOf([{ name: 'a', magic: 'ustar  ', prefix: 'b' }]),
    'headers',
  ],
  [
    'an old header behind a new one',
    tarOf([{ name: 'a' }, { name: 'b', magic: '\0\0\0\0\0\0\0\0' }]),
    'headers',
  ],
  [
    'a size in another number',
    tarOf([{ name: 'a', content, size: Buffer.from([0x80, ...Buffer.alloc(10), 5]) }]),
    'headers',
  ],
  ['a size that is negative', tarOf([{ name: 'a', content, size: '-0000000005\0' }]), 'headers'],
  ['bytes in the last block of a file', tarOf([{ name: 'a', content, fill: 'x' }]), 'damaged'],
];
for (const [name, bytes, rule] of refused) {
  test(`an archive with ${name} is refused`, async () => {
    await assert.rejects(inspect(bytes), {
      code: 'ARCHIVE_REFUSED',
      message: new RegExp(`break of ${rule}$`),
    });
  });
}

test('what one archive hides another does not make good: they are looked into at any depth', async () => {
  for (const [, bytes] of refused) {
    const inZip = zipOf([{ name: 'inner', content: bytes }]);
    await assert.rejects(inspect(inZip), { code: 'ARCHIVE_REFUSED' });
    await assert.rejects(inspect(gzipSync(bytes)), { code: 'ARCHIVE_REFUSED' });
  }
});
