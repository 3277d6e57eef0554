/**
 * Opening: the inverse of sealing, in this order and no other.
 *
 *   verify manifest ▶ receiver ▶ lane ▶ freshness ▶ caller's check (sequence, chain) ▶ verify parts
 *     ▶ unwrap the package KEK ▶ decrypt a segment ▶ cut messages ▶ … ▶ count and message root
 */
import { SallyportError } from '../errors.ts';
import type { MessageHeader } from '../exchange/message.ts';
import { limits } from '../limits.ts';
import { type LaneName, laneKey } from '../ports.ts';
import { readCertificate } from './certificate.ts';
import { type DeriveShared, openKey, openSegment } from './cms-enveloped.ts';
import { createFrameReader, type FramePart } from './frame.ts';
import type { Manifest } from './manifest.ts';
import { segmentKek } from './segments.ts';
import type { ByteSource } from './source.ts';
import {
  readSegments,
  type TrustedSender,
  type VerifiedManifest,
  verifyManifest,
  verifyParts,
} from './verify.ts';

export interface OpenOptions {
  /** The pinned sender. Nothing in the package can replace it. */
  readonly trust: TrustedSender;
  readonly self: {
    readonly nodeId: string;
    /** DER certificate of the decryption key. */
    readonly certificate: Buffer;
    readonly derive: DeriveShared;
  };
  /** The one lane that this package may be on. */
  readonly lane: LaneName;
  /**
   * Sequence, chain and suite policy: throws to refuse. Runs after signature and binding, before
   * the rest of the package is read. `digest` is the SHA-256 (hex) of manifest.p7m.
   */
  readonly check: (manifest: Manifest & { readonly digest: string }) => void;
  /** Undefined where its freshness was judged before. */
  readonly nowMs: number | undefined;
}

export interface OpenedMessage {
  readonly header: MessageHeader;
  readonly body: Buffer;
  /** Digest (hex) of the encoded message. */
  readonly digest: string;
  /** Lengths and header as encoded, and the salt: what a proof needs. */
  readonly head: Buffer;
  readonly salt: Buffer;
}

export interface Opened {
  readonly manifest: Manifest;
  readonly manifestFile: Buffer;
  readonly digest: string;
  readonly messages: readonly OpenedMessage[];
  readonly leaves: readonly Buffer[];
}

export type PackagePart =
  | { readonly part: 'manifest'; readonly verified: VerifiedManifest }
  | FramePart;

/**
 * Opens a package of any size, two segments in memory at a time. Each part is authentic when it is
 * yielded, and the bytes of a body are gone when the next part is asked for. The package is whole
 * only when the generator returns (the leaves of its messages), so nothing may take effect before.
 * Errors in check order: those of verifyManifest, PACKAGE_RECEIVER, PACKAGE_LANE,
 * PACKAGE_FROM_FUTURE, PACKAGE_EXPIRED, those of `check`, those of verifyParts, PACKAGE_KEYS, those
 * of `derive`, PACKAGE_DECRYPT, PACKAGE_SEGMENTS, PACKAGE_MESSAGE.
 */
export async function* openPackageStream(
  source: ByteSource,
  options: OpenOptions,
): AsyncGenerator<PackagePart, readonly Buffer[]> {
  const verified = await admit(source, options);
  yield { part: 'manifest', verified };
  const { manifest, suite } = verified;
  const frames = createFrameReader(manifest, suite);
  const memory = Buffer.allocUnsafe(Math.min(manifest.segmentBytes, manifest.contentBytes));
  const reused = (bytes: number): Buffer => memory.subarray(0, bytes);
  for await (const plain of decrypt(source, verified, options, reused)) yield* frames.push(plain);
  return frames.finish();
}

/** Opens a batch into memory. Errors: as openPackageStream, and PACKAGE_TOO_LARGE. */
export async function openPackage(source: ByteSource, options: OpenOptions): Promise<Opened> {
  const verified = await admit(source, options);
  const { manifest, manifestFile, digest, suite } = verified;
  expectSmall(manifest.contentBytes, limits.packageInMemoryBytesMax, 'content');
  const frames = createFrameReader(manifest, suite);
  const messages: OpenedMessage[] = [];
  let open: Extract<FramePart, { part: 'message' }> | undefined;
  let chunks: Buffer[] = [];
  for await (const plain of decrypt(source, verified, options, Buffer.allocUnsafe)) {
    for (const part of frames.push(plain)) {
      if (part.part === 'message') {
        expectSmall(part.bodyBytes, limits.messageBodyBytesMax, 'body');
        open = part;
        chunks = [];
      } else if (part.part === 'body') chunks.push(part.bytes);
      else if (open) {
        const { header, head, salt } = open;
        messages.push({ header, body: join(chunks), digest: part.digest, head, salt });
      }
    }
  }
  return { manifest, manifestFile, digest, messages, leaves: frames.finish() };
}

/** All that decides whether the package is for us and may come now. */
async function admit(source: ByteSource, options: OpenOptions): Promise<VerifiedManifest> {
  const verified = await verifyManifest(source, options.trust);
  const { manifest, suite, digest } = verified;
  const { keyId } = readCertificate(options.self.certificate, suite);
  if (manifest.lane.receiver !== options.self.nodeId || manifest.receiverKeyId !== keyId) {
    throw new SallyportError('PACKAGE_RECEIVER', 'expected a package for this node and its key', {
      hint: 'the package is for another node, or was sealed for a key that was replaced',
    });
  }
  if (laneKey(manifest.lane) !== laneKey(options.lane)) {
    throw new SallyportError('PACKAGE_LANE', `expected a package on ${laneKey(options.lane)}`, {
      hint: 'it came over the wrong channel, or is of another class',
    });
  }
  if (options.nowMs !== undefined) expectFresh(manifest, options.nowMs);
  options.check({ ...manifest, digest });
  return verified;
}

/**
 * Verifies the rest of the package, then yields the plaintext of each segment, in memory of the
 * caller's.
 */
async function* decrypt(
  source: ByteSource,
  verified: VerifiedManifest,
  { self }: OpenOptions,
  memoryOf: (bytes: number) => Buffer,
): AsyncGenerator<Buffer> {
  const { suite } = verified;
  const memories: Buffer[] = [];
  const { keys, segmentsStart } = await verifyParts(source, verified, memories);
  const kek = await openKey(keys, readCertificate(self.certificate, suite), self.derive, suite);
  const segments = readSegments(source, verified, segmentsStart, memories);
  for await (const { segment, file } of segments) {
    const { id, plainBytes } = segment;
    const plain = memoryOf(plainBytes);
    openSegment(file, segmentKek(kek, id, suite), id, plain, suite);
    yield plain;
  }
}

function expectFresh({ createdAtMs, expiresAtMs }: Manifest, nowMs: number): void {
  if (createdAtMs > nowMs + limits.clockSkewMs) {
    throw new SallyportError('PACKAGE_FROM_FUTURE', 'expected a package made before now', {
      hint: 'compare the clocks of both nodes',
    });
  }
  if (nowMs > expiresAtMs) {
    throw new SallyportError('PACKAGE_EXPIRED', 'expected a package that has not expired', {
      hint: 'the channel was interrupted for too long: send again',
    });
  }
}

function expectSmall(bytes: number, bytesMax: number, what: string): void {
  if (bytes <= bytesMax) return;
  const message = `expected at most ${bytesMax} bytes of ${what}, got ${bytes}`;
  throw new SallyportError('PACKAGE_TOO_LARGE', message, { hint: 'open it as a stream' });
}

function join(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks);
}
