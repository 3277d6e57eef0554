/**
 * Sealing: messages ▶ frames ▶ segments ▶ segment root ▶ keys ▶ manifest ▶ one signature.
 *
 * The manifest comes first in the file and is made last. In memory the parts are put together at
 * the end; into a file, all sizes are known beforehand, so its space is left free and filled when
 * the rest is written.
 */
import { createHash, hash, randomBytes } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { LaneName } from '../ports.ts';
import { readCertificate } from './certificate.ts';
import { sealKey, sealSegment } from './cms-enveloped.ts';
import { type PackageSigner, signData } from './cms-signed.ts';
import { messageLeaf, saltBytes } from './frame.ts';
import { encodeManifest, type Manifest, manifestFormat } from './manifest.ts';
import { leafHash, treeRoot } from './merkle.ts';
import type { EncodedMessage } from './message.ts';
import { type SegmentPlan, segmentAt, segmentKek } from './segments.ts';
import type { ByteSink } from './source.ts';
import { type Suite, type SuiteName, suiteOf } from './suites.ts';
import { archiveEnd, entryHead, padding } from './tar.ts';

export interface SealOptions {
  readonly manifest: {
    readonly packageId: string;
    readonly lane: LaneName;
    readonly sequence: number;
    readonly previous: string;
    readonly createdAtMs: number;
    readonly expiresAtMs: number;
    readonly policyVersion: number;
  };
  readonly suite: SuiteName;
  readonly sender: PackageSigner;
  readonly recipient: { readonly certificate: Buffer };
  /** Plaintext bytes of each segment but the last; the format's maximum where not given. */
  readonly segmentBytes?: number;
}

/**
 * A message whose body is too large for memory. `body` opens it; it must yield exactly `bodyBytes`.
 */
export interface StreamedMessage {
  readonly head: Buffer;
  readonly bodyBytes: number;
  readonly body: () => AsyncIterable<Uint8Array>;
}

export interface Sealed {
  readonly manifest: Manifest;
  readonly manifestFile: Buffer;
  /** SHA-256 (hex) of manifest.p7m: the package's name in chain and receipts. */
  readonly digest: string;
  readonly messageRoot: string;
  /** By message: what a proof of it needs. */
  readonly salts: readonly Buffer[];
  readonly leaves: readonly Buffer[];
}

/** Seals a batch in memory. Errors: PACKAGE_TOO_LARGE, PACKAGE_MESSAGE, those of the signer. */
export async function sealPackage(
  options: SealOptions & { readonly messages: readonly EncodedMessage[] },
): Promise<Sealed & { readonly bytes: Buffer }> {
  const parts: Buffer[] = [];
  const content = await sealContent(options, options.messages, async (...pieces) => {
    parts.push(Buffer.concat(pieces));
  });
  const sealed = await sealHead(options, content);
  const bytes = Buffer.concat([...sealed.head, ...parts, archiveEnd]);
  return { ...sealed.result, bytes };
}

/**
 * Seals messages of any size into a sink, two segments in memory at a time. Returns also the file's
 * size. Errors: as sealPackage, and those of the sink and of the bodies.
 */
export async function sealPackageTo(
  sink: ByteSink,
  options: SealOptions & { readonly messages: readonly (EncodedMessage | StreamedMessage)[] },
): Promise<Sealed & { readonly size: number }> {
  const headBytes = await expectedHeadBytes(options, options.messages);
  let offset = headBytes;
  const content = await sealContent(options, options.messages, async (...pieces) => {
    for (const piece of pieces) {
      await sink.write(offset, piece);
      offset += piece.length;
    }
  });
  await sink.write(offset, archiveEnd);
  for (let attempt = 0; attempt < signAttemptsMax; attempt += 1) {
    const { head, result } = await sealHead(options, content);
    const joined = Buffer.concat(head);
    if (joined.length !== headBytes) continue;
    await sink.write(0, joined);
    return { ...result, size: offset + archiveEnd.length };
  }
  throw new SallyportError('INTERNAL', 'expected a signature of the usual length');
}

/**
 * A signature is 70 or 71 bytes in DER, seldom less. Where just that decides whether the manifest
 * takes one block more, the first signature may not fit the space; each further one does in half of
 * the cases.
 */
const signAttemptsMax = 64;

interface Content {
  readonly plan: SegmentPlan;
  readonly kek: Buffer;
  readonly segmentRoot: string;
  readonly messageRoot: string;
  readonly salts: readonly Buffer[];
  readonly leaves: readonly Buffer[];
}

/** The pieces' memory is used again when the promise resolves. */
type Append = (...pieces: Buffer[]) => Promise<void>;
type Sealable = EncodedMessage | StreamedMessage;

/** Writes every segment's archive entry in order. */
async function sealContent(
  options: SealOptions,
  messages: readonly Sealable[],
  append: Append,
): Promise<Content> {
  const suite = suiteOf(options.suite);
  const plan = planOf(options, messages);
  const kek = randomBytes(suite.wrap.keyBytes);
  const segmentLeaves: Buffer[] = [];
  const memoryBytes = Math.min(plan.segmentBytes, plan.contentBytes);
  let filling = Buffer.allocUnsafe(memoryBytes);
  let filled = 0;
  // One segment is written while the next one fills.
  let writing: Promise<void> = Promise.resolve();
  let spare = plan.segmentCount > 1 ? Buffer.allocUnsafe(memoryBytes) : filling;

  const flush = async (): Promise<void> => {
    const segment = segmentAt(plan, segmentLeaves.length, suite);
    const content = filling.subarray(0, filled);
    const file = sealSegment(content, segmentKek(kek, segment.id, suite), segment.id, suite);
    segmentLeaves.push(leafHash(suite.hash.name, ...file));
    filled = 0;
    const end = padding(segment.fileBytes);
    await writing;
    writing = append(entryHead(segment.name, segment.fileBytes), ...file, end);
    // Awaited before the next write or at the end: until then a failure is not unhandled.
    writing.catch(() => {});
    [filling, spare] = [spare, filling];
  };
  const put = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + filling.length - filled);
      filling.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled === filling.length) await flush();
    }
  };

  const salts = cut(randomBytes(saltBytes * messages.length), saltBytes);
  const leaves: Buffer[] = [];
  try {
    for (const [index, message] of messages.entries()) {
      const salt = salts[index] ?? Buffer.alloc(0);
      await put(salt);
      await put(message.head);
      leaves.push(messageLeaf(salt, await putBody(message, put, suite), suite));
    }
    if (filled > 0) await flush();
  } finally {
    await writing;
  }
  return {
    plan,
    kek,
    segmentRoot: treeRoot(suite.hash.name, segmentLeaves).toString('hex'),
    messageRoot: treeRoot(suite.hash.name, leaves).toString('hex'),
    salts,
    leaves,
  };
}

/** Puts the body and returns the digest of the whole message. */
async function putBody(
  message: Sealable,
  put: (bytes: Uint8Array) => Promise<void>,
  suite: Suite,
): Promise<Buffer> {
  if ('digest' in message) {
    await put(message.body);
    return Buffer.from(message.digest, 'hex');
  }
  const digest = createHash(suite.hash.name).update(message.head);
  let left = message.bodyBytes;
  for await (const chunk of message.body()) {
    left -= chunk.length;
    if (left < 0) break;
    digest.update(chunk);
    await put(chunk);
  }
  if (left === 0) return digest.digest();
  throw new SallyportError(
    'PACKAGE_MESSAGE',
    `expected a body of ${message.bodyBytes} bytes, got ${left < 0 ? 'more' : 'less'}`,
    { hint: 'the source changed while it was sealed' },
  );
}

function planOf(options: SealOptions, messages: readonly Sealable[]): SegmentPlan {
  let contentBytes = 0;
  for (const message of messages) {
    const bodyBytes = 'digest' in message ? message.body.length : message.bodyBytes;
    contentBytes += saltBytes + message.head.length + bodyBytes;
  }
  const segmentBytes = options.segmentBytes ?? limits.segmentPlainBytesMax;
  const segmentCount = Math.ceil(contentBytes / segmentBytes);
  const { packageBytesMax, segmentsMax, messagesPerPackageMax } = limits;
  const count = messages.length;
  if (
    contentBytes > packageBytesMax ||
    segmentCount > segmentsMax ||
    count > messagesPerPackageMax
  ) {
    throw new SallyportError(
      'PACKAGE_TOO_LARGE',
      `expected content in the limits, got ${contentBytes} bytes in ${count} messages`,
      { hint: 'split it over several packages' },
    );
  }
  if (count === 0) throw new SallyportError('PACKAGE_MESSAGE', 'expected at least one message');
  return { packageId: options.manifest.packageId, contentBytes, segmentBytes, segmentCount };
}

/** Keys, manifest and signature, as archive entries. */
async function sealHead(
  options: SealOptions,
  content: Content,
): Promise<{ head: Buffer[]; result: Sealed }> {
  const suite = suiteOf(options.suite);
  const recipient = readCertificate(options.recipient.certificate, suite);
  const keys = sealKey(content.kek, recipient, suite);
  const { plan, segmentRoot, messageRoot, salts, leaves } = content;
  const manifest: Manifest = {
    format: manifestFormat,
    ...options.manifest,
    suite: suite.name,
    senderKeyId: readCertificate(options.sender.certificate, suite).keyId,
    receiverKeyId: recipient.keyId,
    keysDigest: hash(suite.hash.name, keys),
    contentBytes: plan.contentBytes,
    segmentBytes: plan.segmentBytes,
    segmentCount: plan.segmentCount,
    segmentRoot,
    messageCount: leaves.length,
    messageRoot,
  };
  const manifestFile = await signData(encodeManifest(manifest), options.sender, suite);
  const head = [...entry('manifest.p7m', manifestFile), ...entry('keys.p7m', keys)];
  const digest = hash(suite.hash.name, manifestFile);
  return { head, result: { manifest, manifestFile, digest, messageRoot, salts, leaves } };
}

function entry(name: string, content: Buffer): Buffer[] {
  return [entryHead(name, content.length), content, padding(content.length)];
}

/** Size of both head entries: digests of any value are as long as the real ones. */
async function expectedHeadBytes(
  options: SealOptions,
  messages: readonly Sealable[],
): Promise<number> {
  const suite = suiteOf(options.suite);
  const blank = Buffer.alloc(suite.hash.bytes, 0xff).toString('hex');
  const { head } = await sealHead(
    {
      ...options,
      // r and s that take 33 and 32 bytes in DER: the longest signature.
      sender: { ...options.sender, sign: async () => Buffer.alloc(64, 0x80) },
    },
    {
      plan: planOf(options, messages),
      kek: Buffer.alloc(suite.wrap.keyBytes),
      segmentRoot: blank,
      messageRoot: blank,
      salts: [],
      leaves: messages.map(() => Buffer.alloc(0)),
    },
  );
  return head.reduce((sum, piece) => sum + piece.length, 0);
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
