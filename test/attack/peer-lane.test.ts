/** A peer with a valid key against the lane: each package is signed, and says what it must not. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { homePaths } from '@sallyport/shared/config/home.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Sealing } from '../journey/fallen.ts';
import { until } from '../until.ts';
import { type Attacked, attacked, request } from './outer-peer.ts';

let at: Attacked;
before(async () => {
  at = await attacked();
  await at.expectServed();
});
after(() => at.rig.close());

const far = Number.MAX_SAFE_INTEGER;
const lies: [string, (head: number) => Sealing, ErrorCode][] = [
  ['a second package under a used sequence', (head) => ({ sequence: head }), 'LANE_FORK'],
  ['a package that goes back to the first', () => ({ sequence: 1 }), 'LANE_FORK'],
  ['a chain that starts anew', () => ({ previous: '0'.repeat(64) }), 'LANE_CHAIN'],
  ['a chain of another lane', () => ({ previous: 'ab'.repeat(32) }), 'LANE_CHAIN'],
  [
    'a jump out of the window',
    (head) => ({ sequence: head + limits.laneWindowMax + 1 }),
    'LANE_WINDOW',
  ],
  ['a jump to the largest number', () => ({ sequence: far }), 'LANE_WINDOW'],
  ['the other class', () => ({ lane: { flowClass: 'bulk' } }), 'PACKAGE_LANE'],
  ['the other channel', () => ({ lane: { channel: 'export' } }), 'PACKAGE_LANE'],
  [
    'the other direction',
    () => ({ lane: { channel: 'export', sender: 'inner-1', receiver: 'outer-1' } }),
    'PACKAGE_SENDER',
  ],
  ['another sender', () => ({ lane: { sender: 'outer-2' } }), 'PACKAGE_SENDER'],
  ['another receiver', () => ({ lane: { receiver: 'inner-2' } }), 'PACKAGE_RECEIVER'],
];

for (const [what, lie, code] of lies) {
  test(`${what} is refused (${code}), reaches no service and stops nothing`, async () => {
    const before = (await at.events({ event: 'refuse', code })).length;
    const one = request();
    const sealed = await at.outer.seal(lie(at.outer.head), one);
    at.outer.deliver(sealed);
    await until(async () => (await at.events({ event: 'refuse', code })).length > before);
    await at.expectServed();
    assert.equal(at.reached.includes(one.header.id), false);
    const { contiguous, held } = await at.lane();
    assert.equal(contiguous, at.outer.head);
    assert.equal(held, undefined);
  });
}

test('what is too far ahead is not kept: it would be asked for again', async () => {
  const sealed = await at.outer.seal({ sequence: far - 1 }, request());
  at.outer.deliver(sealed);
  const { spoolIn, spoolRefused } = homePaths(at.rig.inner.dir);
  await until(() => !readdirSync(spoolIn).includes(sealed.name));
  assert.equal(readdirSync(spoolRefused).includes(sealed.name), false);
});

test('a fork is set aside, for a person to look at', async () => {
  const sealed = await at.outer.seal({ sequence: at.outer.head }, request());
  at.outer.deliver(sealed);
  const { spoolRefused } = homePaths(at.rig.inner.dir);
  await until(() => readdirSync(spoolRefused).includes(sealed.name));
});

test('whatever policy version a package names, this node decides by its own', async () => {
  for (const policyVersion of [0, 2, far]) {
    const [granted, other] = [request(), request({ path: '/citizens', flow: 'a/b' })];
    await at.outer.sendAs({ policyVersion }, granted, other);
    await until(() => at.reached.includes(granted.header.id));
    assert.equal(await at.outer.refusal(other.header.id), 'GRANT_MISSING');
    assert.equal(at.reached.includes(other.header.id), false);
  }
});

test('a package that never expires is as good as another, and its requests as short-lived', async () => {
  const [good, endless, old] = [
    request(),
    request({ deadlineMs: far }),
    request({ deadlineMs: Date.now() - 1 }),
  ];
  await at.outer.sendAs({ expiresAtMs: far }, good, endless, old);
  await until(() => at.reached.includes(good.header.id) && at.reached.includes(endless.header.id));
  assert.equal(await at.outer.refusal(old.header.id), 'DEADLINE_PASSED');
});
