/** Packages: changed on the way by anybody, and made by the peer's own key gone bad. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { verifySigned } from '@sallyport/shared/package/cms-signed.ts';
import {
  acceptIssuedBy,
  inspectPackage,
  verifyPackage,
} from '@sallyport/shared/package/inspect.ts';
import { canonicalJson } from '@sallyport/shared/package/jcs.ts';
import { bytesSource } from '@sallyport/shared/package/source.ts';
import { readEntrySize } from '@sallyport/shared/package/tar.ts';
import { open, party, sender } from '../package/parties.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes, mutateTree } from './mutate.ts';
import { pack, signedAs, signedToFit, unpack, vectors } from './parcel.ts';

const all = vectors();
const good = vectors('ok-');
const parcels = good.map(unpack);
const manifestFiles = parcels.map(({ manifestFile }) => manifestFile);
const anchor = new X509Certificate(party('ca').certificate);

const ofLayout = ['PACKAGE_TRUNCATED', 'PACKAGE_TOO_LARGE', 'PACKAGE_LAYOUT'] as const;
const ofSignature = ['PACKAGE_SENDER', 'PACKAGE_SIGNATURE'] as const;
const ofManifest = [
  'PACKAGE_MANIFEST',
  'PACKAGE_SUITE',
  'PACKAGE_SENDER',
  'PACKAGE_RECEIVER',
  'PACKAGE_LANE',
  'PACKAGE_FROM_FUTURE',
  'PACKAGE_EXPIRED',
] as const;
const ofParts = ['PACKAGE_KEYS', 'PACKAGE_SEGMENTS', 'PACKAGE_DECRYPT', 'PACKAGE_MESSAGE'] as const;

fuzz('package files', {
  codes: [...ofLayout, ...ofSignature, ...ofManifest, ...ofParts],
  attempt: async (random) => {
    const bytes = mutateBytes(random, all);
    const { messages } = await open(bytes);
    assert.ok(messages.length > 0 && all.some((one) => one.equals(bytes)), 'a package was forged');
  },
});

fuzz('archive entries', {
  codes: ['PACKAGE_LAYOUT', 'PACKAGE_TOO_LARGE'],
  attempt: (random) => {
    const heads = good.map((one) => one.subarray(0, 512));
    readEntrySize(mutateBytes(random, heads), 'manifest.p7m', 16_384);
  },
});

fuzz('signed data', {
  codes: ofSignature,
  attempt: (random) => {
    const file = mutateBytes(random, manifestFiles);
    verifySigned(file, sender.certificate);
    assert.ok(
      manifestFiles.some((one) => one.equals(file)),
      'signed data was forged',
    );
  },
});

fuzz('packages looked at without a key', {
  codes: [...ofLayout, ...ofSignature, ...ofManifest, ...ofParts, 'CERTIFICATE_REFUSED'],
  attempt: async (random) => {
    const source = bytesSource(mutateBytes(random, all));
    if (random.below(2) === 0) await inspectPackage(source);
    else await verifyPackage(source, (certificate) => acceptIssuedBy([anchor], certificate));
  },
});

fuzz('manifests of a hostile peer', {
  oneIn: 4,
  codes: [...ofLayout, ...ofManifest, ...ofParts],
  attempt: async (random) => {
    const parcel = random.pick(parcels);
    const manifest = Buffer.from(canonicalJson(mutateTree(random, parcel.manifest)));
    const text = random.below(3) === 0 ? mutateBytes(random, [manifest]) : manifest;
    await open(await signedAs(parcel, text));
  },
});

fuzz('keys and segments of a hostile peer', {
  oneIn: 4,
  codes: [...ofLayout, ...ofParts],
  attempt: async (random) => {
    const parcel = random.pick(parcels);
    const keys = mutateBytes(random, [parcel.keys]);
    const segments = mutateBytes(random, [...parcel.segments]);
    const changed =
      random.below(2) === 0
        ? { ...parcel, keys }
        : { ...parcel, segments: [segments, ...parcel.segments.slice(1)] };
    await open(await signedToFit(changed));
  },
});

fuzz('packages with entries of others', {
  oneIn: 4,
  codes: [...ofLayout, ...ofSignature, ...ofManifest, ...ofParts],
  attempt: async (random) => {
    const [one, other] = [random.pick(parcels), random.pick(parcels)];
    const segments = [...one.segments, ...other.segments].sort(() => random.below(2) * 2 - 1);
    const count = 1 + random.below(segments.length);
    const mixed = { ...one, keys: other.keys, segments: segments.slice(0, count) };
    await open(random.below(2) === 0 ? pack(mixed) : await signedToFit(mixed));
  },
});
