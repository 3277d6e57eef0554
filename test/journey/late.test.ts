/** What comes too late has no effect, and stops nothing that follows it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { until } from '../until.ts';
import { callHead, clearSky, type Rig, startRig } from './rig.ts';

const [citizen] = makePeople(1, 7);
const lost = () => ({ copies: 0, delayMs: 0 });
const reached: string[] = [];
let rig: Rig;
let key: string;

before(async () => {
  rig = await startRig({
    seed: 4,
    async upstream({ id }) {
      reached.push(id);
      return { status: 200, body: citizen };
    },
  });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  await until(async () => (await versionAtOuter()) === 1);
});
after(() => rig.close());

interface Status {
  policy: { version: number } | null;
  lanes: { out: { head: number; inFlight: number }[]; in: { contiguous: number }[] };
}
const statusOf = async (side: 'outer' | 'inner') =>
  (await rig[side].admin.request('status')).head as Status;
const versionAtOuter = async () => (await statusOf('outer')).policy?.version;
const get = (more: object = {}) =>
  rig.outer.edge.request('call', callHead(key, 'GET', '/citizens/c-000001', more));
const placeOf = (head: unknown): string =>
  String((head as { headers: Record<string, string> }).headers.location);

test('after an interruption longer than packages last, calls go through again', async () => {
  rig.weather = lost;
  const waiting = await Promise.all([get({ respondAsync: true }), get({ respondAsync: true })]);
  rig.clock.offsetMs += 10 * 60_000;
  rig.weather = clearSky;
  const { head } = await get();
  assert.equal((head as { status: number }).status, 200);
  for (const { head } of waiting) {
    const path = placeOf(head);
    const late = () => rig.outer.edge.request('call', callHead(key, 'GET', path));
    await until(() =>
      late().then(
        () => false,
        ({ code }) => code === 'DEADLINE_PASSED',
      ),
    );
    assert.equal(reached.includes(path.split('/')[2] ?? ''), false);
  }
  await until(async () => {
    const [outer, inner] = [await statusOf('outer'), await statusOf('inner')];
    return outer.lanes.out[0]?.inFlight === 0 && (inner.lanes.in[0]?.contiguous ?? 0) > 0;
  });
  const events = await rig.inner.events();
  assert.ok(events.some(({ event, code }) => event === 'refuse' && code === 'PACKAGE_EXPIRED'));
});

test('a policy that came too late is asked for again', async () => {
  rig.weather = lost;
  await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  rig.clock.offsetMs += 10 * 60_000;
  assert.equal(await versionAtOuter(), 1);
  rig.weather = clearSky;
  await until(async () => (await versionAtOuter()) === 2);
  assert.equal(((await get()).head as { status: number }).status, 200);
});

test('a late package that comes again is a replay', async () => {
  const before = (await rig.inner.events()).filter(({ event }) => event === 'duplicate').length;
  const [name = '', bytes = Buffer.alloc(0)] =
    [...rig.seen].find(([, one]) => one.includes('"sender":"outer-1"')) ?? [];
  rig.clock.offsetMs += 10 * 60_000;
  rig.deliver('inner', name, bytes);
  await until(async () => {
    const events = await rig.inner.events();
    return events.filter(({ event }) => event === 'duplicate').length > before;
  });
});
