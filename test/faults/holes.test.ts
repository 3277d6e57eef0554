/** What a crash or a long silence must not leave behind: a sequence that never comes. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { callHead, clearSky, type Rig, startRig } from '../journey/rig.ts';
import { until } from '../until.ts';

let rig: Rig;
let tax: string;
let reached = 0;
let upstream: () => Promise<void> = async () => {};

before(async () => {
  rig = await startRig({
    seed: 1,
    async upstream() {
      reached += 1;
      await upstream();
      return { status: 404, body: {} };
    },
  });
  tax = await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  await until(async () => (await statusOf('outer')).policy?.version === 1);
});
after(() => rig.close());

const nothingPasses = () => ({ copies: 0, delayMs: 0 });

test('heartbeats that a crash caught before the mover had them still come', async () => {
  const held = await holdHeartbeats();
  const { spoolOut } = homePaths(rig.outer.dir);
  for (const name of held) rmSync(join(spoolOut, name));
  await rig.outer.restartGuard();
  rig.weather = clearSky;
  await untilNoGap();
});

test('heartbeats that were lost before the guard restarted are sent again', async () => {
  await holdHeartbeats();
  await rig.outer.restartGuard();
  rig.weather = clearSky;
  await untilNoGap();
});

test('packages that came too late take their places, and a policy among them is sent anew', async () => {
  await holdHeartbeats();
  const { policy } = await statusOf('outer');
  await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  rig.clock.offsetMs = longerThanPackagesLastMs;
  rig.weather = clearSky;
  await untilNoGap();
  const version = (policy?.version ?? 0) + 1;
  await until(async () => (await statusOf('outer')).policy?.version === version);
  rig.clock.offsetMs = 0;
});

test('a change that was under way when the node went down for long is in doubt, not forgotten', async () => {
  reached = 0;
  upstream = () => new Promise(() => {});
  const body = { province: '示例省', city: '示例市', district: '示例区', street: '示例路 3 号' };
  const head = callHead(tax, 'POST', '/citizens/c-000001/address-changes', {
    headers: { 'content-type': 'application/json' },
    respondAsync: true,
  });
  await rig.outer.edge.request('call', head, Buffer.from(JSON.stringify(body)));
  await until(() => reached === 1);
  rig.clock.offsetMs = longerThanPackagesLastMs;
  await rig.inner.restartGuard();
  const doubts = async (): Promise<number> =>
    (await rig.inner.events()).filter(
      ({ event, exchangeId }) => event === 'in-doubt' && exchangeId === head.id,
    ).length;
  await until(async () => (await doubts()) > 0);
  // The package is kept until each of its messages has ended.
  await until(() => readdirSync(homePaths(rig.inner.dir).spoolIn).length === 0);
  rig.clock.offsetMs = 0;
  upstream = async () => {};
  assert.equal(reached, 1);
});

/** The rig's packages are good for a minute, and clocks may differ by five. */
const longerThanPackagesLastMs = 7 * 60_000;

/** Lets heartbeats of the outer node pile up; returns their files. */
async function holdHeartbeats(): Promise<string[]> {
  await untilNoGap();
  rig.weather = nothingPasses;
  const { head } = (await statusOf('outer')).lanes.out[0];
  await until(async () => (await statusOf('outer')).lanes.out[0].head >= head + 2);
  const names = readdirSync(homePaths(rig.outer.dir).spoolOut);
  const held = names.filter((name) => Number(name.split('-')[1]) > head);
  assert.ok(held.length >= 2);
  return held;
}

/** Everything that the outer node has sealed so far has come. */
async function untilNoGap(): Promise<void> {
  const { head } = (await statusOf('outer')).lanes.out[0];
  await until(async () => (await statusOf('inner')).lanes.in[0].contiguous >= head, 30_000);
}

interface Told {
  readonly policy: { version: number } | null;
  readonly lanes: {
    readonly out: [{ head: number; inFlight: number }];
    readonly in: [{ contiguous: number; head: number }];
  };
}

async function statusOf(role: 'outer' | 'inner'): Promise<Told> {
  return (await rig[role].admin.request('status')).head as Told;
}
