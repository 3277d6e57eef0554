/**
 * The manifest: what a package is, signed and readable without a key. Strict JSON, canonical (RFC
 * 8785), closed schema. docs/spec/package.md §Manifest.
 */
import { SallyportError } from '../errors.ts';
import { isId } from '../ids.ts';
import { limits } from '../limits.ts';
import type { LaneName } from '../ports.ts';
import { canonicalJson } from './jcs.ts';

export const manifestFormat = 'sallyport/package/v1';

export interface Manifest {
  readonly format: typeof manifestFormat;
  readonly packageId: string;
  readonly suite: string;
  readonly lane: LaneName;
  /** From 1 without holes. */
  readonly sequence: number;
  /** SHA-256 (hex) of the manifest.p7m before it on the lane; 64 zeros for the first. */
  readonly previous: string;
  /** Key ids: SHA-256 (hex) of the SubjectPublicKeyInfo of signing key and decryption key. */
  readonly senderKeyId: string;
  readonly receiverKeyId: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Policy in force at the sender. */
  readonly policyVersion: number;
  /** SHA-256 (hex) of keys.p7m. */
  readonly keysDigest: string;
  /** Plaintext bytes of all segments together. */
  readonly contentBytes: number;
  /** Plaintext bytes of each segment but the last. */
  readonly segmentBytes: number;
  readonly segmentCount: number;
  /** Root (hex) over the segment files. */
  readonly segmentRoot: string;
  readonly messageCount: number;
  /** Root (hex) over the salted message leaves. */
  readonly messageRoot: string;
}

export function encodeManifest(manifest: Manifest): Buffer {
  return Buffer.from(canonicalJson(manifest));
}

/**
 * Decodes the content of a verified manifest.p7m. Equality with its own canonical form refuses
 * duplicate keys, other order, white space, escapes and bad UTF-8 at once. Errors:
 * PACKAGE_MANIFEST.
 */
export function decodeManifest(bytes: Buffer): Manifest {
  const value = parse(bytes);
  const faults = check(value, fields);
  if (faults.length > 0) throw refused(`the manifest's fields, faults at: ${faults.join(', ')}`);
  // Every field was held against the table, which is typed against Manifest.
  const manifest = value as Manifest;
  if (!encodeManifest(manifest).equals(bytes)) throw refused('canonical JSON');
  const { contentBytes, segmentBytes, segmentCount } = manifest;
  if (segmentCount !== Math.ceil(contentBytes / segmentBytes)) {
    throw refused('a segment count that fits the content');
  }
  if (manifest.expiresAtMs <= manifest.createdAtMs) throw refused('an expiry after the creation');
  return manifest;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new SallyportError('PACKAGE_MANIFEST', 'expected JSON', { cause });
  }
}

type Check = (value: unknown) => boolean;
type Checks<T> = { readonly [K in keyof T]-?: Check | Checks<T[K]> };

const digest: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const node: Check = (value) => typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,62}$/.test(value);
const oneOf =
  (...values: string[]): Check =>
  (value) =>
    values.includes(value as string);
const whole =
  (least: number, most: number = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;

const fields: Checks<Manifest> = {
  format: oneOf(manifestFormat),
  packageId: isId,
  suite: (value) => typeof value === 'string' && /^[a-z0-9-]{1,32}$/.test(value),
  lane: {
    sender: node,
    receiver: node,
    channel: oneOf('import', 'export'),
    flowClass: oneOf('interactive', 'bulk'),
  },
  sequence: whole(1),
  previous: digest,
  senderKeyId: digest,
  receiverKeyId: digest,
  createdAtMs: whole(0),
  expiresAtMs: whole(0),
  policyVersion: whole(0),
  keysDigest: digest,
  contentBytes: whole(1, limits.packageBytesMax),
  segmentBytes: whole(limits.segmentPlainBytesMin, limits.segmentPlainBytesMax),
  segmentCount: whole(1, limits.segmentsMax),
  segmentRoot: digest,
  messageCount: whole(1, limits.messagesPerPackageMax),
  messageRoot: digest,
};

/** Names of fields that are missing, unknown or out of range: all of them, for the report. */
function check(value: unknown, checks: Readonly<Record<string, unknown>>): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ['object'];
  const members = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(members).filter((name) => !Object.hasOwn(checks, name));
  const faults = unknown.length > 0 ? ['unknown field'] : [];
  for (const [name, rule] of Object.entries(checks)) {
    const member = Object.hasOwn(members, name) ? members[name] : undefined;
    if (typeof rule !== 'function') {
      faults.push(...check(member, rule as Readonly<Record<string, unknown>>));
    } else if (!rule(member)) faults.push(name);
  }
  return faults;
}

function refused(expected: string): SallyportError {
  return new SallyportError('PACKAGE_MANIFEST', `expected ${expected}`);
}
