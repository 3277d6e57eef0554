/**
 * Packages of the vectors in their parts, to be changed and put together again: as whoever is on the
 * way can, and as a sender gone bad can, who signs what it changed.
 */
import { createHash, createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { p256 } from '@noble/curves/nist.js';
import { type PackageSigner, readSigned, signData } from '@sallyport/shared/package/cms-signed.ts';
import { canonicalJson } from '@sallyport/shared/package/jcs.ts';
import { leafHash, treeRoot } from '@sallyport/shared/package/merkle.ts';
import { archiveEnd, entryBytes, entryHead, padding } from '@sallyport/shared/package/tar.ts';
import { sender, vectorsDir } from '../package/parties.ts';

export interface Parcel {
  readonly manifestFile: Buffer;
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly keys: Buffer;
  readonly segments: readonly Buffer[];
}

/** Larger vectors would take the time of many small ones. */
const vectorBytesMax = 64 * 1024;

/** Packages of all vectors, or of those whose name begins so. */
export function vectors(prefix = ''): Buffer[] {
  return readdirSync(vectorsDir)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.vector'))
    .sort()
    .map((name) => {
      const file = readFileSync(join(vectorsDir, name));
      return file.subarray(file.indexOf('\n\n') + 2);
    })
    .filter((bytes) => bytes.length <= vectorBytesMax);
}

/** Takes a good package apart. */
export function unpack(bytes: Buffer): Parcel {
  const entries: Buffer[] = [];
  for (let at = 0; at < bytes.length - archiveEnd.length; ) {
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    entries.push(bytes.subarray(at + 512, at + 512 + size));
    at += entryBytes(size);
  }
  const [manifestFile, keys, ...segments] = entries;
  if (!manifestFile || !keys) throw new Error('expected a package of the vectors');
  const manifest = JSON.parse(readSigned(manifestFile).content.toString());
  return { manifestFile, manifest, keys, segments };
}

export function pack({ manifestFile, keys, segments }: Parcel): Buffer {
  const names = ['manifest.p7m', 'keys.p7m'];
  const files = [manifestFile, keys, ...segments].map((content, index) => {
    const name = names[index] ?? `seg/${String(index - 2).padStart(8, '0')}.p7m`;
    return Buffer.concat([entryHead(name, content.length), content, padding(content.length)]);
  });
  return Buffer.concat([...files, archiveEnd]);
}

/**
 * Signs digests with the sender's key as only somebody does who has nothing to lose: always with the same
 * nonce. What is left to do takes a hundredth of the time, and whoever verifies cannot tell.
 */
const careless = ((): PackageSigner => {
  const { n } = p256.Point.CURVE();
  const scalar = BigInt(
    `0x${createPrivateKey(sender.keyPem).export({ format: 'raw-private' }).toString('hex')}`,
  );
  const nonce = 0x5a11n;
  const r = p256.Point.BASE.multiply(nonce).x % n;
  const inverse = p256.Point.Fn.inv(nonce);
  const sign = async (digest: Uint8Array): Promise<Buffer> => {
    const z = BigInt(`0x${Buffer.from(digest).toString('hex')}`);
    const s = (inverse * (z + r * scalar)) % n;
    return Buffer.from([r, s].map((half) => half.toString(16).padStart(64, '0')).join(''), 'hex');
  };
  return { certificate: sender.certificate, sign };
})();

/** The parcel under any manifest, signed by the sender that the receiver trusts. */
export async function signedAs(
  parcel: Parcel,
  manifest: Buffer,
  signer: PackageSigner = careless,
): Promise<Buffer> {
  return pack({ ...parcel, manifestFile: await signData(manifest, signer) });
}

/** The parcel under a manifest that fits its keys and segments. */
export function signedToFit(parcel: Parcel, signer = careless): Promise<Buffer> {
  const { manifest, keys, segments } = parcel;
  const leaves = segments.map((one) => leafHash('sha256', one));
  const fitting = {
    ...manifest,
    keysDigest: createHash('sha256').update(keys).digest('hex'),
    segmentRoot: treeRoot('sha256', leaves).toString('hex'),
  };
  return signedAs(parcel, Buffer.from(canonicalJson(fitting)), signer);
}
