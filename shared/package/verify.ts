/**
 * What can be verified of a package without a key, in order:
 *
 *   verifyManifest   first entry ▶ pinned certificate ▶ signature ▶ manifest ▶ suite ▶ sender
 *   verifyParts      size of the whole ▶ keys.p7m ▶ every segment ▶ segment root
 *
 * Nothing is parsed before it was verified, except for the few lengths that lead to the signature.
 */
import { hash } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readCertificate } from './certificate.ts';
import { verifySigned } from './cms-signed.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { digestOf, treeRoot } from './merkle.ts';
import { leafInput, type Segment, segmentAt, segmentsArchiveBytes } from './segments.ts';
import { type ByteSource, truncated } from './source.ts';
import { type Suite, suiteOf } from './suites.ts';
import {
  archiveEnd,
  blockBytes,
  entryBytes,
  expectEntryHead,
  expectZeros,
  readEntrySize,
} from './tar.ts';

export interface TrustedSender {
  readonly nodeId: string;
  /** DER certificate of the node's signing key. */
  readonly certificate: Buffer;
}

export interface VerifiedManifest {
  readonly manifest: Manifest;
  readonly suite: Suite;
  /** manifest.p7m and its SHA-256 (hex). */
  readonly manifestFile: Buffer;
  readonly digest: string;
}

/**
 * Errors in check order: PACKAGE_TOO_LARGE, PACKAGE_TRUNCATED, PACKAGE_LAYOUT, PACKAGE_SENDER (not
 * the pinned certificate), PACKAGE_SIGNATURE, PACKAGE_MANIFEST, PACKAGE_SUITE, PACKAGE_SENDER (node
 * or key id).
 */
export async function verifyManifest(
  source: ByteSource,
  trust: TrustedSender,
): Promise<VerifiedManifest> {
  if (source.size > limits.packageBytesMax) {
    throw new SallyportError(
      'PACKAGE_TOO_LARGE',
      `expected at most ${limits.packageBytesMax} bytes, got ${source.size}`,
    );
  }
  const manifestFile = await readEntry(source, 0, 'manifest.p7m', limits.manifestBytesMax);
  const manifest = decodeManifest(verifySigned(manifestFile, trust.certificate));
  const suite = suiteOf(manifest.suite);
  const { keyId } = readCertificate(trust.certificate, suite);
  if (manifest.lane.sender !== trust.nodeId || manifest.senderKeyId !== keyId) {
    throw new SallyportError('PACKAGE_SENDER', 'expected the node and key id of the signer');
  }
  const digest = hash(suite.hash.name, manifestFile);
  return { manifest, suite, manifestFile, digest };
}

export interface VerifiedParts {
  readonly keys: Buffer;
  /** Where the first segment's entry starts. */
  readonly segmentsStart: number;
}

/**
 * `memories`: where segments are read into, made where it is empty. Errors in check order:
 * PACKAGE_LAYOUT (keys entry), PACKAGE_TRUNCATED, PACKAGE_LAYOUT (size of the whole), PACKAGE_KEYS
 * (digest), PACKAGE_LAYOUT (segment entries, padding, end), PACKAGE_SEGMENTS (root).
 */
export async function verifyParts(
  source: ByteSource,
  verified: VerifiedManifest,
  memories: Buffer[] = [],
): Promise<VerifiedParts> {
  const { manifest, suite, manifestFile } = verified;
  const keysStart = entryBytes(manifestFile.length);
  const keys = await readEntry(source, keysStart, 'keys.p7m', limits.keysBytesMax);
  const segmentsStart = keysStart + entryBytes(keys.length);
  const endStart = segmentsStart + segmentsArchiveBytes(manifest, suite);
  const wholeBytes = endStart + archiveEnd.length;
  if (source.size < wholeBytes) throw truncated(wholeBytes, source.size);
  if (source.size > wholeBytes) {
    throw new SallyportError('PACKAGE_LAYOUT', `expected ${wholeBytes} bytes, got ${source.size}`, {
      hint: 'something follows the last segment',
    });
  }
  if (hash(suite.hash.name, keys) !== manifest.keysDigest) {
    throw new SallyportError('PACKAGE_KEYS', 'expected the keys.p7m of the manifest, got another');
  }
  expectZeros(await source.read(endStart, archiveEnd.length));
  const leaves: Buffer[] = [];
  for await (const { leaf } of readSegments(source, verified, segmentsStart, memories)) {
    leaves.push(digestOf(suite.hash.name, leaf));
  }
  if (treeRoot(suite.hash.name, leaves).toString('hex') !== manifest.segmentRoot) {
    throw new SallyportError('PACKAGE_SEGMENTS', 'expected the segments of the manifest');
  }
  return { keys, segmentsStart };
}

export interface SegmentRead {
  readonly segment: Segment;
  readonly file: Buffer;
  /** What its leaf hashes. */
  readonly leaf: Buffer;
}

/**
 * Segment files in order, each gone when the next is asked for. The next one is read meanwhile, so
 * that two are in memory: in `memories`, to be used again. Errors: PACKAGE_LAYOUT,
 * PACKAGE_TRUNCATED.
 */
export async function* readSegments(
  source: ByteSource,
  { manifest, suite }: Pick<VerifiedManifest, 'manifest' | 'suite'>,
  segmentsStart: number,
  memories: Buffer[],
): AsyncGenerator<SegmentRead> {
  let offset = segmentsStart;
  const start = (index: number) => {
    const segment = segmentAt(manifest, index, suite);
    const bytes = entryBytes(segment.fileBytes);
    const reading = source.read(offset, bytes, memories[index % 2]);
    // Awaited when its turn comes or at the end: until then a failure is not unhandled.
    reading.catch(() => {});
    offset += bytes;
    return { segment, reading };
  };
  let next = start(0);
  try {
    for (let index = 0; index < manifest.segmentCount; index += 1) {
      const { segment, reading } = next;
      const entry = await reading;
      memories[index % 2] ??= entry;
      if (index + 1 < manifest.segmentCount) next = start(index + 1);
      const end = blockBytes + segment.fileBytes;
      expectEntryHead(entry.subarray(0, blockBytes), segment.name, segment.fileBytes);
      expectZeros(entry.subarray(end));
      yield { segment, file: entry.subarray(blockBytes, end), leaf: leafInput(entry, segment) };
    }
  } finally {
    await next.reading.catch(() => {});
  }
}

/**
 * Content of an entry whose size only its header tells. Errors: as the tar module,
 * PACKAGE_TRUNCATED.
 */
export async function readEntry(
  source: ByteSource,
  offset: number,
  name: string,
  sizeMax: number,
): Promise<Buffer> {
  const size = readEntrySize(await source.read(offset, blockBytes), name, sizeMax);
  const content = await source.read(offset + blockBytes, entryBytes(size) - blockBytes);
  expectZeros(content.subarray(size));
  return content.subarray(0, size);
}
