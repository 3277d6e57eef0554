/** A peer with a valid key that sends bombs: small to send, large, deep or many once believed. */
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { homePaths } from '@sallyport/shared/config/home.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { signData } from '@sallyport/shared/package/cms-signed.ts';
import { canonicalJson } from '@sallyport/shared/package/jcs.ts';
import { pack, unpack } from '../fuzz/parcel.ts';
import { until } from '../until.ts';
import { type Attacked, attacked, request, said } from './outer-peer.ts';

let at: Attacked;
before(async () => {
  at = await attacked();
  await at.expectServed();
});
after(() => at.rig.close());

/** What the guard may take for itself while it refuses one bomb. */
const memoryMax = 192 * 1024 * 1024;

async function expectHarmless(throwIt: () => Promise<void>): Promise<void> {
  const before = process.memoryUsage().rss;
  await throwIt();
  await at.expectServed();
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < memoryMax, `${grown}`);
}

/** Manifests that the peer signed, over a package that does not hold what they promise. */
const promises: [string, Record<string, number>][] = [
  ['as many bytes as a package may have', { contentBytes: 2 ** 36, segmentBytes: 2 ** 23 }],
  ['as many segments as there may be', { contentBytes: 2 ** 23, segmentBytes: 1024 }],
  ['as many messages as there may be', { messageCount: limits.messagesPerPackageMax }],
];

for (const [what, promise] of promises) {
  test(`a manifest that promises ${what} costs nothing`, () =>
    expectHarmless(async () => {
      const packageId = newId();
      const sealed = await at.outer.seal({ packageId }, request());
      const parcel = unpack(sealed.bytes);
      const { contentBytes, segmentBytes } = { ...parcel.manifest, ...promise } as never as {
        contentBytes: number;
        segmentBytes: number;
      };
      const segmentCount = Math.ceil(contentBytes / segmentBytes);
      const manifest = canonicalJson({ ...parcel.manifest, ...promise, segmentCount });
      const manifestFile = await signData(Buffer.from(manifest), at.outer.signer);
      at.outer.deliver({ name: sealed.name, bytes: pack({ ...parcel, manifestFile }) });
      await until(async () => (await at.events({ event: 'refuse', packageId })).length > 0);
    }));
}

test('a file that is said to be of a tebibyte is not read', () =>
  expectHarmless(async () => {
    const { spoolIn } = homePaths(at.rig.inner.dir);
    const name = `interactive-000000000001-${newId()}.stp`;
    writeFileSync(join(spoolIn, name), '');
    truncateSync(join(spoolIn, name), 2 ** 40);
    at.rig.inner.mover.notify('collected', { files: [name] });
    await until(
      async () => (await at.events({ event: 'refuse', code: 'PACKAGE_TOO_LARGE' })).length > 0,
    );
  }));

const body = (text: string) =>
  request(
    {
      flow: 'citizen-registry/change-address',
      method: 'POST',
      path: '/citizens/c-000001/address-changes',
      contentType: 'application/json',
    },
    text,
  );
const many = (count: number, one: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => one(index)).join(',');

const bombs: [string, () => ReturnType<typeof request>, ErrorCode][] = [
  ['a body of brackets', () => body('['.repeat(8 * 1024 * 1024)), 'JSON_REFUSED'],
  ['a body of a million members', () => body(`{${many(1e6, (n) => `"${n}":0`)}}`), 'JSON_REFUSED'],
  ['a body of one long text', () => body(`"${'x'.repeat(8 * 1024 * 1024)}"`), 'JSON_REFUSED'],
  ['a number of a million digits', () => body(`{"city":${'9'.repeat(1e6)}}`), 'JSON_REFUSED'],
  [
    'two thousand query pairs',
    () => request({ query: Array.from({ length: 2_000 }, (_, n) => [`a${n}`, 'b'] as const) }),
    'SCHEMA_REFUSED',
  ],
  ['a path of thousands of segments', () => request({ path: '/a'.repeat(20_000) }), 'PATH_REFUSED'],
  [
    'two thousand headers',
    () =>
      request({
        headers: Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`a${n}`, '1'])),
      }),
    'PACKAGE_MESSAGE',
  ],
  [
    'a name as long as a header',
    () => request({ consumer: 'x'.repeat(60_000) }),
    'PACKAGE_MESSAGE',
  ],
];

for (const [what, make, code] of bombs) {
  test(`${what} is refused (${code})`, () =>
    expectHarmless(async () => {
      const bomb = make();
      await at.outer.send(bomb);
      assert.equal(await at.outer.refusal(bomb.header.id), code);
      assert.equal(at.reached.includes(bomb.header.id), false);
    }));
}

test('a package full of the largest receipts is taken in one go', () =>
  expectHarmless(async () => {
    const beyond = Array.from({ length: limits.cborItemsMax }, (_, index) => index + 2 ** 40);
    const receipt = { type: 'receipt', lane: 'a', contiguous: 0, beyond, missing: beyond };
    await at.outer.send(...Array.from({ length: 500 }, () => said(receipt)));
  }));
