/**
 * Sealing: messages ▶ frames ▶ segments ▶ segment root ▶ keys ▶ manifest ▶ one signature.
 *
 * The manifest comes first in the file and is made last.
 */
import { hash, randomBytes } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { LaneName } from '../ports.ts';
import { readCertificate } from './certificate.ts';
import { sealKey } from './cms-enveloped.ts';
import { type PackageSigner, signData } from './cms-signed.ts';
import { messageLeaf, saltBytes } from './frame.ts';
import { encodeManifest, type Manifest, manifestFormat } from './manifest.ts';
import { digestOf, treeRoot } from './merkle.ts';
import type { EncodedMessage } from './message.ts';
import {
  contentOf,
  leafInput,
  type SegmentPlan,
  sealEntry,
  segmentAt,
  segmentsArchiveBytes,
} from './segments.ts';
import { type Suite, type SuiteName, suiteOf } from './suites.ts';
import { archiveEnd, entryBytes, entryHead, padding } from './tar.ts';

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
  const { messages } = options;
  const suite = suiteOf(options.suite);
  const plan = planOf(
    options,
    messages.map(({ head, body }) => head.length + body.length),
  );
  const salts = newSalts(messages.length);
  const frames = messages.flatMap(({ head, body }, index) => [salts[index] ?? none, head, body]);
  const leaves = messages.map(({ digest }, index) =>
    messageLeaf(salts[index] ?? none, digest, suite),
  );
  const kek = randomBytes(suite.wrap.keyBytes);
  const { archive, segmentRoot } = sealSegments(Buffer.concat(frames), plan, kek, suite);
  const messageRoot = treeRoot(suite.hash.name, leaves).toString('hex');
  const content = { plan, kek, segmentRoot, messageRoot, salts, leaves };
  const { head, result } = await sealHead(options, content);
  return { ...result, bytes: Buffer.concat([...head, archive, archiveEnd]) };
}

const none = Buffer.alloc(0);

/** The archive entries of all segments of a plaintext. */
function sealSegments(
  plain: Buffer,
  plan: SegmentPlan,
  kek: Buffer,
  suite: Suite,
): { archive: Buffer; segmentRoot: string } {
  const archive = Buffer.allocUnsafe(segmentsArchiveBytes(plan, suite));
  const leaves: Buffer[] = [];
  let at = 0;
  for (let index = 0; index < plan.segmentCount; index += 1) {
    const segment = segmentAt(plan, index, suite);
    const entry = archive.subarray(at, at + entryBytes(segment.fileBytes));
    plain.copy(contentOf(entry, segment, suite), 0, index * plan.segmentBytes);
    sealEntry(entry, segment, kek, suite);
    leaves.push(digestOf(suite.hash.name, leafInput(entry, segment)));
    at += entry.length;
  }
  return { archive, segmentRoot: treeRoot(suite.hash.name, leaves).toString('hex') };
}

/** What the head of a package says of its content. */
export interface Content {
  readonly plan: SegmentPlan;
  readonly kek: Buffer;
  readonly segmentRoot: string;
  readonly messageRoot: string;
  readonly salts: readonly Buffer[];
  readonly leaves: readonly Buffer[];
}

/** How the content is cut. `messageBytes` of each message. Errors: PACKAGE_TOO_LARGE, PACKAGE_MESSAGE. */
export function planOf(options: SealOptions, messageBytes: readonly number[]): SegmentPlan {
  const count = messageBytes.length;
  const contentBytes = messageBytes.reduce((sum, bytes) => sum + saltBytes + bytes, 0);
  const segmentBytes = options.segmentBytes ?? limits.segmentPlainBytesMax;
  const segmentCount = Math.ceil(contentBytes / segmentBytes);
  const { packageBytesMax, segmentsMax, messagesPerPackageMax } = limits;
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

/** A random salt for each message. */
export function newSalts(count: number): Buffer[] {
  const random = randomBytes(saltBytes * count);
  return Array.from({ length: count }, (_, index) =>
    random.subarray(index * saltBytes, (index + 1) * saltBytes),
  );
}

/** Keys, manifest and signature, as archive entries. */
export async function sealHead(
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
