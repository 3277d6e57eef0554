/** A peer gone bad signs packages whose parts are wrong: each is refused by its code, and recorded. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { canonicalJson } from '@sallyport/shared/package/jcs.ts';
import { entryBytes } from '@sallyport/shared/package/tar.ts';
import { type Parcel, pack, signedAs, signedToFit, unpack } from '../fuzz/parcel.ts';
import { type Fallen, fell, type Said } from '../journey/fallen.ts';
import { type Rig, startRig } from '../journey/rig.ts';
import { until } from '../until.ts';

let rig: Rig;
let outer: Fallen;

before(async () => {
  rig = await startRig({ seed: 6, upstream: async () => ({ status: 200, body: {} }) });
  await rig.applyPolicy();
  outer = await fell(rig, 'outer');
});
after(() => rig.close());

const lane = 'outer-1/inner-1/import/interactive';
const heartbeat = (): Said => ({
  header: { type: 'heartbeat', id: newId(), lane, head: outer.head },
});

/** What a sound package brings is looked at. */
const requestOf = (id: string): Said => ({
  header: {
    ...{ type: 'request', id, consumer: 'nobody', deadlineMs: Date.now() + 60_000 },
    ...{ flow: 'citizen-registry/get-citizen', method: 'GET', path: '/citizens/c-000001' },
    ...{ query: [], headers: {} },
  },
});

/** The bytes with their last one changed. */
function changed(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
  return other;
}

const asManifest = (manifest: object): Buffer => Buffer.from(canonicalJson(manifest));
const [first, second] = [0, 1];

const wrongs: Partial<Record<ErrorCode, (parcel: Parcel) => Buffer | Promise<Buffer>>> = {
  PACKAGE_LAYOUT: (parcel) => {
    const bytes = pack(parcel);
    const at = [parcel.manifestFile, parcel.keys].map(({ length }) => entryBytes(length));
    const [manifest = 0, keys = 0] = [at[first], at[second]];
    const end = manifest + keys;
    return Buffer.concat([
      bytes.subarray(manifest, end),
      bytes.subarray(0, manifest),
      bytes.subarray(end),
    ]);
  },
  PACKAGE_MANIFEST: (parcel) => signedAs(parcel, asManifest({ a: 1 }), outer.signer),
  PACKAGE_SUITE: (parcel) =>
    signedAs(parcel, asManifest({ ...parcel.manifest, suite: 'intl-9' }), outer.signer),
  PACKAGE_KEYS: (parcel) =>
    signedAs({ ...parcel, keys: changed(parcel.keys) }, asManifest(parcel.manifest), outer.signer),
  PACKAGE_SEGMENTS: (parcel) => pack({ ...parcel, segments: parcel.segments.map(changed) }),
  PACKAGE_DECRYPT: (parcel) =>
    signedToFit({ ...parcel, segments: parcel.segments.map(changed) }, outer.signer),
};

for (const [code, make] of Object.entries(wrongs)) {
  test(`${code} is refused and recorded, and what comes next is not`, async () => {
    const sealed = await outer.seal({}, heartbeat());
    outer.deliver({ name: sealed.name, bytes: await make(unpack(sealed.bytes)) });
    await until(async () => (await rig.inner.events()).some((event) => event.code === code));
    const id = newId();
    await outer.send(requestOf(id));
    assert.equal(await outer.refusal(id), 'GRANT_MISSING');
  });
}
