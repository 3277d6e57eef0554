/** What one file may cost: bytes, entries, depth, and work. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { type ZipEntry, zipOf } from './archives.ts';
import { every, inspect, pdf, raw } from './file-samples.ts';

const part = (name: string, content: Buffer | string): ZipEntry => ({ name, content });

test('a file over the limit is refused before it is looked at', async () => {
  const bytes = Buffer.alloc(limits.fileBytesMax + 1);
  await assert.rejects(inspect(bytes), { code: 'FILE_TOO_LARGE' });
});

test('a PDF whose packed objects take too long to look into is refused', async () => {
  const streamOf = (content: Buffer) => {
    const packed = deflateSync(content);
    const head = `1 0 obj << /Type /ObjStm /Filter /FlateDecode /Length ${packed.length} >>`;
    return Buffer.concat([raw(`${head} stream\n`), packed, raw('\nendstream endobj\n')]);
  };
  const of = (streams: readonly Buffer[]) =>
    Buffer.concat([raw('%PDF-1.7\n'), ...streams, raw('%%EOF\n')]);
  const small = streamOf(Buffer.from('<< /Type /Page >>'));
  const many = (count: number) => of(Array.from({ length: count }, () => small));
  assert.equal((await inspect(many(20))).type, 'pdf');
  const failed = { code: 'FILE_ENCRYPTED' };
  await assert.rejects(inspect(many(limits.pdfObjectStreamsMax + 1)), failed);
  const half = streamOf(Buffer.alloc(limits.pdfObjectsBytesMax / 2 + 1, ' '));
  assert.equal((await inspect(of([half]))).type, 'pdf');
  await assert.rejects(inspect(of([half, half])), failed);
});

test('what a policy allows of size, depth, entries and bytes holds', async () => {
  const bounds = { bytesMax: 2000, depthMax: 1, entriesMax: 2, unpackedBytesMax: 1000 };
  const files = (count: number, bytes: number): Buffer =>
    zipOf(Array.from({ length: count }, (_, at) => part(`${at}`, Buffer.alloc(bytes, 'a'))));
  const look = (bytes: Buffer) => inspectFile(bytes, every, bounds);
  assert.equal((await look(files(2, 500))).type, 'zip');
  await assert.rejects(look(files(3, 1)), { code: 'ARCHIVE_REFUSED', message: /of entries$/ });
  await assert.rejects(look(files(2, 501)), { code: 'ARCHIVE_REFUSED', message: /of bytes$/ });
  const nestedZip = zipOf([part('a.zip', files(1, 1))]);
  await assert.rejects(look(nestedZip), { code: 'ARCHIVE_REFUSED', message: /of depth$/ });
  await assert.rejects(look(Buffer.alloc(2001, 'a')), { code: 'FILE_TOO_LARGE' });
});

test('without a word of the policy no more than 256 MiB are unpacked', async () => {
  // Just within the ratio, and refused by what it says before it is unpacked.
  const packed = randomBytes(Math.ceil(limits.unpackedBytesMax / limits.archiveRatioMax));
  const bytes = zipOf([{ name: 'a', content: packed, size: limits.unpackedBytesMax + 1 }]);
  await assert.rejects(inspect(bytes), { code: 'ARCHIVE_REFUSED', message: /of bytes$/ });
});

test('a large file is gone through a few times and no more', async () => {
  // Once for each word would be minutes.
  const words = pdf(`<< >> ${'stream\n'.repeat(500_000)}`);
  assert.equal((await inspect(words)).type, 'pdf');
});
