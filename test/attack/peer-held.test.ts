/** Authentic packages that a node cannot take: whose fault that is shows later; nothing is lost. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { homePaths } from '@sallyport/shared/config/home.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
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

/** Packages that are authentic and that this node cannot take, and what becomes of each. */
const hourMs = 3_600_000;
const odd: [string, () => Sealing, ErrorCode, 'served' | 'passed over'][] = [
  [
    'expired',
    () => ({ createdAtMs: Date.now() - 3 * hourMs, expiresAtMs: Date.now() - hourMs }),
    'PACKAGE_EXPIRED',
    'passed over',
  ],
  [
    'from the future',
    () => ({ createdAtMs: Date.now() + hourMs, expiresAtMs: Date.now() + 3 * hourMs }),
    'PACKAGE_FROM_FUTURE',
    'served',
  ],
  [
    'sealed for a key that was replaced',
    () => ({ recipient: outerCertificate() }),
    'PACKAGE_RECEIVER',
    'passed over',
  ],
];

/** A certificate for decryption that is not the inner node's. */
const outerCertificate = (): Buffer => {
  const path = homePaths(at.rig.outer.dir).certificate('decrypt');
  return new X509Certificate(readFileSync(path)).raw;
};

for (const [what, sealing, code, end] of odd) {
  test(`a package that is ${what} is held, then ${end}; the lane has no hole`, async () => {
    const one = request();
    const packageId = newId();
    await at.outer.sendAs({ ...sealing(), packageId }, one);
    await until(async () => (await at.lane()).held?.code === code);
    assert.equal((await at.lane()).contiguous, at.outer.head - 1);
    await until(async () => (await at.events({ event: 'refuse', code, packageId })).length > 0);

    await at.expectServed();
    await until(async () => (await at.lane()).contiguous === at.outer.head);
    assert.equal((await at.lane()).held, undefined);
    if (end === 'served') await until(() => at.reached.includes(one.header.id));
    else assert.equal(at.reached.includes(one.header.id), false);
  });
}

test('what is held survives a restart, and is decided then', async () => {
  for (const [, sealing] of odd) await at.outer.sendAs(sealing(), request());
  await until(async () => (await at.lane()).held?.packages === odd.length);
  await at.rig.inner.restartGuard();
  await until(async () => (await at.lane()).held?.packages === odd.length);
  await at.expectServed();
  await until(async () => (await at.lane()).contiguous === at.outer.head);
});

test('what is held and comes again under other names is one package', async () => {
  const sealed = await at.outer.sendAs({ recipient: outerCertificate() }, request());
  for (let copy = 0; copy < 20; copy += 1) {
    at.outer.deliver({
      name: sealed.name.replace(/.{12}\.stp$/, `${newId().slice(-12)}.stp`),
      bytes: sealed.bytes,
    });
  }
  await until(async () => (await at.lane()).held?.packages === 1);
  await at.expectServed();
  await until(async () => (await at.lane()).contiguous === at.outer.head);
  assert.deepEqual(readdirSync(homePaths(at.rig.inner.dir).spoolIn), []);
});

test('while the clock of this node is wrong nothing is lost; when it is right all is taken', async () => {
  at.rig.skewMs.inner = 3 * hourMs;
  const requests = [request(), request(), request()];
  for (const one of requests) await at.outer.send(one);
  await until(async () => (await at.lane()).held?.packages === requests.length);
  const { contiguous, held } = await at.lane();
  assert.equal(contiguous, at.outer.head - requests.length);
  assert.equal(held?.code, 'PACKAGE_EXPIRED');
  assert.equal(
    requests.some(({ header }) => at.reached.includes(header.id)),
    false,
  );

  at.rig.skewMs.inner = 0;
  await at.expectServed();
  await until(() => requests.every(({ header }) => at.reached.includes(header.id)));
  await until(async () => (await at.lane()).contiguous === at.outer.head);
});

test('a jump that fits the clock releases what is held, also from beyond the window', async () => {
  for (const [, sealing] of odd) await at.outer.sendAs(sealing(), request());
  await until(async () => (await at.lane()).held?.packages === odd.length);
  const sequence = at.outer.head + limits.laneWindowMax + 1;
  at.outer.deliver(await at.outer.seal({ sequence }, request()));
  await until(async () => (await at.lane()).contiguous === at.outer.head);
});
