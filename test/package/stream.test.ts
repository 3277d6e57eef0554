/**
 * Packages larger than memory should hold: written to and read from files, one segment at a time.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { limits } from '@sallyport/shared/limits.ts';
import { fileSink, fileSource } from '@sallyport/shared/package/adapter/file.ts';
import { encodeHead } from '@sallyport/shared/package/message.ts';
import { openPackage, openPackageStream } from '@sallyport/shared/package/open.ts';
import type { SealOptions } from '@sallyport/shared/package/seal.ts';
import { type StreamedMessage, sealPackageTo } from '@sallyport/shared/package/seal-stream.ts';
import { type ByteSource, bytesSource } from '@sallyport/shared/package/source.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import {
  open,
  openOptions,
  receiver,
  requestMessage,
  seal,
  sealOptions,
  sender,
} from './parties.ts';

const dir = temporaryFolder();
const chunk = Buffer.alloc(1_000_003, 'sallyport ');

/** A message of `bodyBytes` that comes in pieces; `given` bytes come where that is not the same. */
function streamed(bodyBytes: number, given = bodyBytes): StreamedMessage {
  const head = encodeHead(
    { type: 'policy', id: '019b7ca98c887d5789a9c4d733f95ba0', version: 1 },
    bodyBytes,
  );
  return {
    head,
    bodyBytes,
    async *body() {
      for (let left = given; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
    },
  };
}

async function withFile<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await openFile(join(dir, 'package.stp'), 'w+');
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

type Messages = Parameters<typeof sealPackageTo>[1]['messages'];

/**
 * Seals into a file and opens it again; returns what was read by message: header type and body
 * hash.
 */
function throughFile(messages: Messages, changes: Partial<SealOptions> = {}) {
  return withFile(async (handle) => {
    const sealed = await sealPackageTo(fileSink(handle), { ...sealOptions, ...changes, messages });
    const source = await fileSource(handle);
    assert.equal(source.size, sealed.size);
    const bodies: string[] = [];
    let hash = createHash('sha256');
    for await (const part of openPackageStream(source, openOptions)) {
      if (part.part === 'message') hash = createHash('sha256');
      if (part.part === 'body') hash.update(part.bytes);
      if (part.part === 'end') bodies.push(hash.digest('hex'));
    }
    return { sealed, bodies };
  });
}

async function bodyHash(message: StreamedMessage): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of message.body()) hash.update(piece);
  return hash.digest('hex');
}

test('messages of any size go through a file, small ones beside large ones', async () => {
  const small = requestMessage(10);
  const large = streamed(20_000_000);
  const { sealed, bodies } = await throughFile([small, large, streamed(0), small]);
  assert.equal(sealed.manifest.segmentCount, 3);
  const smallHash = createHash('sha256').update(small.body).digest('hex');
  const none = createHash('sha256').digest('hex');
  assert.deepEqual(bodies, [smallHash, await bodyHash(large), none, smallHash]);
});

const segment = limits.segmentPlainBytesMax;
const overhead = 16 + streamed(0).head.length;
for (const [plain, segments] of [
  [segment - 1, 1],
  [segment, 1],
  [segment + 1, 2],
] as const) {
  test(`${plain} bytes of content take ${segments} segments of full size`, async () => {
    const message = streamed(plain - overhead);
    const { sealed, bodies } = await throughFile([message]);
    assert.equal(sealed.manifest.contentBytes, plain);
    assert.equal(sealed.manifest.segmentCount, segments);
    assert.deepEqual(bodies, [await bodyHash(message)]);
  });
}

test('a streamed and an in-memory package have the same form', async () => {
  const messages = [requestMessage(3000), requestMessage(1)];
  const { sealed } = await throughFile(messages, { segmentBytes: 1024 });
  const batch = await seal(messages, { segmentBytes: 1024 });
  assert.ok(Math.abs(batch.bytes.length - sealed.size) <= 512);
  assert.deepEqual(Object.keys(sealed.manifest).sort(), Object.keys(batch.manifest).sort());
  assert.equal(sealed.manifest.contentBytes, batch.manifest.contentBytes);
});

for (const [name, given] of [
  ['less', 99_999],
  ['more', 100_001],
] as const) {
  test(`a body that yields ${name} than it said is refused`, async () => {
    await assert.rejects(throughFile([streamed(100_000, given)]), { code: 'PACKAGE_MESSAGE' });
  });
}

test('a sink that fails is reported while the next segment fills', async () => {
  let writes = 0;
  const sink = {
    async write() {
      await setImmediate();
      writes += 1;
      throw new Error('disk full');
    },
  };
  const sealing = sealPackageTo(sink, {
    ...sealOptions,
    segmentBytes: 1024,
    messages: [streamed(1_000_000)],
  });
  await assert.rejects(sealing, { message: 'disk full' });
  assert.equal(writes, 1);
});

test('no write is under way any more when a body is refused', async () => {
  let [started, ended] = [0, 0];
  const sink = {
    async write() {
      started += 1;
      await setImmediate();
      ended += 1;
    },
  };
  const messages = [streamed(100_000, 99_999)];
  const sealing = sealPackageTo(sink, { ...sealOptions, segmentBytes: 1024, messages });
  await assert.rejects(sealing, { code: 'PACKAGE_MESSAGE' });
  assert.ok(started > 0);
  assert.equal(ended, started);
});

/** A source in memory that takes its time; `failsAt`: which read fails, counted from 1. */
function slowSource(bytes: Buffer, failsAt = Number.POSITIVE_INFINITY) {
  const inner = bytesSource(bytes);
  const reads = { started: 0, ended: 0 };
  const read: ByteSource['read'] = async (offset, length) => {
    reads.started += 1;
    const fails = reads.started === failsAt;
    await setImmediate();
    reads.ended += 1;
    if (fails) throw new Error('disk gone');
    return inner.read(offset, length);
  };
  return { source: { size: bytes.length, read }, reads };
}

test('no read is under way any more when a reader turns away', async () => {
  const { bytes } = await seal([requestMessage(20_000)], { segmentBytes: 1024 });
  const { source, reads } = slowSource(bytes);
  for await (const { part } of openPackageStream(source, openOptions)) {
    if (part !== 'body') continue;
    assert.ok(reads.started > reads.ended, 'expected a segment to be read ahead');
    break;
  }
  assert.equal(reads.ended, reads.started);
});

test('a source that fails anywhere is reported, and nothing of its package is released', async () => {
  const { bytes, manifest } = await seal([requestMessage(3000)], { segmentBytes: 1024 });
  const all = 2 + 2 + 1 + 2 * manifest.segmentCount;
  for (let failsAt = 1; failsAt <= all; failsAt += 1) {
    const { source, reads } = slowSource(bytes, failsAt);
    await assert.rejects(openPackage(source, openOptions), { message: 'disk gone' });
    assert.equal(reads.ended, reads.started);
  }
  const { source, reads } = slowSource(bytes);
  await openPackage(source, openOptions);
  assert.equal(reads.started, all);
});

test('head and salt of a message outlive the segments that they lay in', async () => {
  const messages = Array.from({ length: 40 }, (_, index) => requestMessage(300, index));
  await withFile(async (handle) => {
    const changes = { ...sealOptions, segmentBytes: 1024, messages };
    const { salts } = await sealPackageTo(fileSink(handle), changes);
    const kept: { head: Buffer; salt: Buffer }[] = [];
    for await (const part of openPackageStream(await fileSource(handle), openOptions)) {
      if (part.part === 'message') kept.push(part);
    }
    assert.deepEqual(
      kept.map(({ head, salt }) => ({ head, salt })),
      messages.map(({ head }, index) => ({ head, salt: salts[index] })),
    );
  });
});

test('a signature that does not fit its space is made again', async () => {
  const raws: Buffer[] = [];
  /** First a signature of 70 bytes in DER, then one of 71: the space is left for 71. */
  const sign = async (digest: Uint8Array): Promise<Buffer> => {
    for (;;) {
      const raw = await sender.sign(digest);
      const isLong = (raw[0] ?? 0) >= 0x80;
      const sHead = BigInt(`0x${raw.toString('hex', 32, 36)}`);
      const isUsual = sHead > 0x01000000n && sHead < 0xfe000000n && (raw[0] ?? 0) > 0;
      if (!isUsual || isLong !== raws.length > 0) continue;
      raws.push(raw);
      return raw;
    }
  };
  // Digits of the policy version move the manifest until only the last byte needs one block more.
  for (let policyVersion = 1; policyVersion < Number.MAX_SAFE_INTEGER; policyVersion *= 10) {
    const probe = await seal([requestMessage(1)], withPolicy(policyVersion));
    const { manifestFile } = probe;
    const signatureBytes =
      manifestFile.length - manifestFile.lastIndexOf(Buffer.from([4, 0x46])) - 2;
    const longest = manifestFile.length + (signatureBytes === 70 ? 1 : 0);
    if (longest % 512 !== 1) continue;
    const changes = { ...withPolicy(policyVersion), sender: { ...sender, sign } };
    await throughFile([requestMessage(1)], changes);
    assert.equal(raws.length, 2);
    return;
  }
  assert.fail('expected a manifest length at the edge of a block');
});

function withPolicy(policyVersion: number): Partial<SealOptions> {
  return { manifest: { ...sealOptions.manifest, policyVersion } };
}

test('a file that shrinks while it is read is refused', async () => {
  await withFile(async (handle) => {
    const { bytes } = await seal([requestMessage(5000)]);
    await handle.write(bytes);
    const source = await fileSource(handle);
    await handle.truncate(bytes.length - 2000);
    await assert.rejects(openPackage(source, openOptions), { code: 'PACKAGE_TRUNCATED' });
  });
});

test('what does not fit into memory is refused before the key is used', async () => {
  let derived = 0;
  const derive: typeof receiver.derive = (point) => {
    derived += 1;
    return receiver.derive(point);
  };
  const self = { ...openOptions.self, derive };
  await withFile(async (handle) => {
    const messages = [streamed(limits.packageInMemoryBytesMax)];
    await sealPackageTo(fileSink(handle), { ...sealOptions, messages });
    const opening = openPackage(await fileSource(handle), { ...openOptions, self });
    await assert.rejects(opening, { code: 'PACKAGE_TOO_LARGE' });
  });
  assert.equal(derived, 0);
});

test('a body above the maximum is not opened into memory', async () => {
  await withFile(async (handle) => {
    const messages = [streamed(limits.messageBodyBytesMax + 1)];
    await sealPackageTo(fileSink(handle), { ...sealOptions, messages });
    const opening = openPackage(await fileSource(handle), openOptions);
    await assert.rejects(opening, { code: 'PACKAGE_TOO_LARGE' });
  });
});

test('a package without messages, and one with too many, is not made', async () => {
  await assert.rejects(seal([]), { code: 'PACKAGE_MESSAGE' });
  const many = Array.from({ length: limits.messagesPerPackageMax + 1 }, () => requestMessage(0));
  await assert.rejects(seal(many), { code: 'PACKAGE_TOO_LARGE' });
});

test('content that needs too many segments is not made', async () => {
  const sink = { write: async () => assert.fail('nothing must be written') };
  const messages = [streamed(1024 * (limits.segmentsMax + 1))];
  const sealing = sealPackageTo(sink, { ...sealOptions, segmentBytes: 1024, messages });
  await assert.rejects(sealing, { code: 'PACKAGE_TOO_LARGE' });
});

test('a source in memory refuses to read beyond its end', async () => {
  const source = bytesSource(Buffer.alloc(10));
  await assert.rejects(source.read(5, 6), { code: 'PACKAGE_TRUNCATED' });
  await assert.rejects(open(Buffer.alloc(10)), { code: 'PACKAGE_TRUNCATED' });
});
