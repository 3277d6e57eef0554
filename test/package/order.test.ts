/** What the opener does not do before it may: the key is not used for what was not verified. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { OpenOptions } from '@sallyport/shared/package/open.ts';
import { open, openOptions, receiver, requestMessage, seal, stranger } from './parties.ts';

const { bytes, digest } = await seal([requestMessage(100)]);

/** Opens and tells the code of the refusal and in which order the outside was asked. */
async function opening(file: Buffer, changes: Partial<OpenOptions> = {}) {
  const asked: string[] = [];
  const derive: typeof receiver.derive = (point) => {
    asked.push('derive');
    return receiver.derive(point);
  };
  const check: OpenOptions['check'] = (place) => {
    asked.push('check');
    changes.check?.(place);
  };
  const self = { ...openOptions.self, derive };
  const code = await open(file, { ...changes, self, check }).then(
    () => 'ok',
    (thrown) => (thrown instanceof SallyportError ? thrown.code : thrown),
  );
  return { code, asked };
}

const flip = (at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

test('the caller is asked once, with the digest, and then the key is used once', async () => {
  let seen: unknown;
  const result = await opening(bytes, {
    check: (place) => {
      seen = [place.digest, place.sequence, place.packageId.length];
    },
  });
  assert.deepEqual(result, { code: 'ok', asked: ['check', 'derive'] });
  assert.deepEqual(seen, [digest, 1, 32]);
});

/** A place inside the ciphertext of the only segment. */
const inSegment = bytes.indexOf('seg/00000000.p7m') + 512 + 300;

test('a package of an unknown sender reaches neither the caller nor the key', async () => {
  const trust = { nodeId: 'outer-1', certificate: stranger.certificate };
  assert.deepEqual(await opening(bytes, { trust }), { code: 'PACKAGE_SENDER', asked: [] });
});

test('a changed manifest reaches neither the caller nor the key', async () => {
  const at = bytes.indexOf('contentBytes');
  assert.deepEqual(await opening(flip(at)), { code: 'PACKAGE_SIGNATURE', asked: [] });
});

test('what the caller refuses keeps its code and never reaches the key', async () => {
  const check = (): never => {
    throw new SallyportError('LANE_REPLAY', 'seen before');
  };
  assert.deepEqual(await opening(bytes, { check }), { code: 'LANE_REPLAY', asked: ['check'] });
});

test('a changed segment is found before the key is used', async () => {
  const result = await opening(flip(inSegment));
  assert.deepEqual(result, { code: 'PACKAGE_SEGMENTS', asked: ['check'] });
});

test('two faults are reported in check order', async () => {
  const both = flip(inSegment);
  const late = { nowMs: (openOptions.nowMs ?? 0) + 86_400_000 };
  assert.equal((await opening(both, late)).code, 'PACKAGE_EXPIRED');
  const other = { ...late, lane: { ...openOptions.lane, flowClass: 'bulk' as const } };
  assert.equal((await opening(both, other)).code, 'PACKAGE_LANE');
});

test('a key store that fails is reported as itself', async () => {
  const derive = async (): Promise<Buffer> => {
    throw new SallyportError('HSM_LOST', 'token is gone');
  };
  const self = { ...openOptions.self, derive };
  await assert.rejects(open(bytes, { self }), { code: 'HSM_LOST' });
});

test('the wrong decryption key opens nothing', async () => {
  const self = { ...openOptions.self, derive: stranger.derive };
  await assert.rejects(open(bytes, { self }), { code: 'PACKAGE_DECRYPT' });
  const other = { ...openOptions.self, certificate: stranger.certificate };
  await assert.rejects(open(bytes, { self: other }), { code: 'PACKAGE_RECEIVER' });
});

test('the clocks may differ by what the limits allow and no more', async () => {
  const { createdAtMs, expiresAtMs } = (await open(bytes)).manifest;
  const at = async (nowMs: number): Promise<string> => (await opening(bytes, { nowMs })).code;
  assert.equal(await at(createdAtMs - 300_000), 'ok');
  assert.equal(await at(createdAtMs - 300_001), 'PACKAGE_FROM_FUTURE');
  assert.equal(await at(expiresAtMs), 'ok');
  assert.equal(await at(expiresAtMs + 1), 'PACKAGE_EXPIRED');
});
