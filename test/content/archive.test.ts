/** Archives are unpacked under rules, and what they pack is looked at as they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { limits } from '@sallyport/shared/limits.ts';
import { tarOf, type ZipEntry, zipOf } from './archives.ts';
import { every, inspect, png, raw, zipped } from './file-samples.ts';

const content = 'hello';
const one = (entry: Partial<ZipEntry>): Buffer => zipOf([{ name: 'a.txt', content, ...entry }]);
const many = Array.from({ length: limits.archiveEntriesMax + 1 }, (_, at) => ({
  name: `${at}`,
  content,
}));
const zeros = Buffer.alloc(4 * 1024 * 1024);
const nested = (depth: number): Buffer =>
  depth === 0 ? Buffer.from('a') : zipOf([{ name: 'inner', content: nested(depth - 1) }]);
const names = [
  '../a',
  '/a',
  'a/../b',
  'a//b',
  './a',
  'C:a',
  'a\\b',
  'con',
  'aux.txt',
  'a.',
  'a ',
  'a\u202egpj',
  'cafe\u0301',
  'a\u0000b',
  'x'.repeat(256),
];

const archives: readonly (readonly [string, Buffer, string])[] = [
  ['too many entries', zipOf(many), 'entries'],
  ['too many entries in a tar', tarOf(many), 'entries'],
  ['a bomb', one({ content: zeros }), 'ratio'],
  ['a bomb in gzip', gzipSync(zeros), 'ratio'],
  ['a size that lies', one({ size: 1 }), 'damaged'],
  ['archives too deep in each other', nested(limits.archiveDepthMax + 1), 'depth'],
  ['a link', one({ mode: 0o120777 }), 'link'],
  ['a device', one({ mode: 0o020666 }), 'link'],
  ['a link in a tar', tarOf([{ name: 'a', kind: '2' }]), 'link'],
  ['a hard link in a tar', tarOf([{ name: 'a', kind: '1' }]), 'link'],
  ['a pax extension in a tar', tarOf([{ name: 'a', kind: 'x' }]), 'link'],
  [
    'a name twice',
    zipOf([
      { name: 'a', content },
      { name: 'a', content },
    ]),
    'duplicate',
  ],
  [
    'a name twice but for its case',
    zipOf([
      { name: 'a', content },
      { name: 'A', content },
    ]),
    'duplicate',
  ],
  ['a name twice in a tar', tarOf([{ name: 'a' }, { name: 'a' }]), 'duplicate'],
  ['another name in its own header', one({ localName: 'b.txt' }), 'headers'],
  [
    'entries inside each other',
    zipOf([
      { name: 'a', content },
      { name: 'a', content, overlaps: true },
    ]),
    'headers',
  ],
  [
    'an entry that its directory does not have',
    zipOf([
      { name: 'a', content },
      { name: 'b', content, hidden: 'unlisted' },
    ]),
    'headers',
  ],
  [
    'an entry that its end does not count',
    zipOf([
      { name: 'a', content },
      { name: 'b', content, hidden: 'uncounted' },
    ]),
    'headers',
  ],
  ['another size in its own header', one({ localPacked: 1 }), 'headers'],
  [
    'bytes between directory and end',
    Buffer.concat([zipped.subarray(0, -22), Buffer.from('PK'), zipped.subarray(-22)]),
    'headers',
  ],
  ['bytes behind a gzip', Buffer.concat([gzipSync('hello'), Buffer.alloc(1), zipped]), 'damaged'],
  ['a folder with content', one({ name: 'a/' }), 'headers'],
  ['a wrong checksum in a tar', tarOf([{ name: 'a' }]).fill('b', 0, 1), 'headers'],
  ['bytes behind a tar', Buffer.concat([tarOf([{ name: 'a' }]), Buffer.from('x')]), 'damaged'],
  ['a tar without end', tarOf([{ name: 'a' }]).subarray(0, 512), 'damaged'],
  ['a zip that is cut', one({}).subarray(0, 60), 'damaged'],
  ['a gzip that is cut', gzipSync('hello').subarray(0, 15), 'damaged'],
  ...names
    .filter((name) => !/[\0\\]/.test(name))
    .map(
      (name) =>
        [
          `the name ${JSON.stringify(name.slice(0, 9))}`,
          zipOf([{ name, content }]),
          '(?:name|damaged)',
        ] as const,
    ),
  ...names
    .filter((name) => name.length < 100 && !name.includes('\0'))
    .map(
      (name) => [`the name ${JSON.stringify(name)} in a tar`, tarOf([{ name }]), 'name'] as const,
    ),
];
for (const [name, bytes, rule] of archives) {
  test(`an archive with ${name} is refused`, async () => {
    await assert.rejects(inspect(bytes), {
      code: 'ARCHIVE_REFUSED',
      message: new RegExp(`break of ${rule}$`),
    });
  });
}

test('what is packed is looked at as what packs it, and what was found is counted', async () => {
  const bytes = gzipSync(
    tarOf([
      { name: 'a/', kind: '5' },
      { name: 'a/1.txt', content: 'a' },
      {
        name: 'a/2.zip',
        content: zipOf([
          { name: 'b.png', content: raw(png) },
          { name: 'empty', content: '' },
        ]),
      },
    ]),
  );
  const { parts, ...found } = await inspect(bytes);
  assert.deepEqual(parts.slice(1).map(String), ['a', String(parts[2]), String(raw(png))]);
  assert.deepEqual(found, {
    type: 'gzip',
    inside: { tar: 1, text: 1, zip: 1, png: 1 },
  });
  const noPictures = new Set([...every].filter((one) => one !== 'png'));
  await assert.rejects(inspect(bytes, noPictures), { code: 'FILE_TYPE_REFUSED' });
});
