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
import { segmentAt, segmentKek } from './segments.ts';
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
   * Sequence, chain and suite policy: throws to refuse. Runs after signature and binding, before the rest
   * of the package is read. `digest` is the SHA-256 (hex) of manifest.p7m.
   */
  readonly check: (manifest: Manifest & { readonly digest: string }) => void;
  readonly nowMs: number;
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
 * Opens a package of any size, one segment in memory at a time. Each part is authentic when it is yielded;
 * the package is whole only when the generator returns (the leaves of its messages), so nothing may be
 * released before. Errors in check order: those of verifyManifest, PACKAGE_RECEIVER, PACKAGE_LANE,
 * PACKAGE_FROM_FUTURE, PACKAGE_EXPIRED, those of `check`, of verifyParts, PACKAGE_KEYS, those of `derive`, PACKAGE_DECRYPT,
 * PACKAGE_SEGMENTS, PACKAGE_MESSAGE.
 */
export async function* openPackageStream(
  source: ByteSource,
  options: OpenOptions,
): AsyncGenerator<PackagePart, readonly Buffer[]> {
  const verified = await verifyManifest(source, options.trust);
  const { manifest, suite, digest } = verified;
  const self = readCertificate(options.self.certificate, suite);
  if (manifest.lane.receiver !== options.self.nodeId || manifest.receiverKeyId !== self.keyId) {
    throw new SallyportError('PACKAGE_RECEIVER', 'expected a package for this node and its key', {
      hint: 'the package is for another node, or was sealed for a key that was replaced',
    });
  }
  if (laneKey(manifest.lane) !== laneKey(options.lane)) {
    throw new SallyportError('PACKAGE_LANE', `expected a package on ${laneKey(options.lane)}`, {
      hint: 'it came over the wrong channel, or is of another class',
    });
  }
  expectFresh(manifest, options.nowMs);
  options.check({ ...manifest, digest });
  yield { part: 'manifest', verified };
  const { keys, segmentsStart } = await verifyParts(source, verified);
  const kek = await openKey(keys, self, options.self.derive, suite);
  const frames = createFrameReader(manifest, suite);
  let index = 0;
  for await (const file of readSegments(source, verified, segmentsStart)) {
    const { id, plainBytes } = segmentAt(manifest, index, suite);
    const plain = openSegment(file, segmentKek(kek, id, suite), id, plainBytes, suite);
    yield* frames.push(plain);
    index += 1;
  }
  return frames.finish();
}

/** Opens a batch into memory. Errors: as openPackageStream, and PACKAGE_TOO_LARGE before any key is used. */
export async function openPackage(source: ByteSource, options: OpenOptions): Promise<Opened> {
  const parts = openPackageStream(source, options);
  const messages: OpenedMessage[] = [];
  let verified: VerifiedManifest | undefined;
  let open: Extract<FramePart, { part: 'message' }> | undefined;
  let chunks: Buffer[] = [];
  for (;;) {
    const next = await parts.next();
    if (next.done) {
      if (!verified) throw new SallyportError('INTERNAL', 'expected a manifest before the end');
      const { manifest, manifestFile, digest } = verified;
      return { manifest, manifestFile, digest, messages, leaves: next.value };
    }
    const part = next.value;
    if (part.part === 'manifest') {
      verified = part.verified;
      expectSmall(verified.manifest);
    } else if (part.part === 'message') {
      open = part;
      chunks = [];
    } else if (part.part === 'body') chunks.push(part.bytes);
    else if (open) {
      const { header, head, salt } = open;
      messages.push({ header, body: join(chunks), digest: part.digest, head, salt });
    }
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

function expectSmall({ contentBytes }: Manifest): void {
  if (contentBytes <= limits.packageInMemoryBytesMax) return;
  throw new SallyportError(
    'PACKAGE_TOO_LARGE',
    `expected at most ${limits.packageInMemoryBytesMax} bytes of content, got ${contentBytes}`,
    { hint: 'open it as a stream' },
  );
}

function join(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks);
}
