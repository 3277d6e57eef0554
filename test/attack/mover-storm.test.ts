/**
 * A hostile mover: it has the spool and its socket, and does with both what it likes, by a seed. It can
 * delay. When it is honest again every call is answered or reported, no change was done twice, and both
 * lanes are whole. SALLYPORT_ATTACK_RUNS says how many storms; the first seed is SALLYPORT_SEED.
 */
import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { errorTable } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import { callHead, clearSky, type Rig, randomFrom, startRig } from '../journey/rig.ts';
import { until } from '../until.ts';

const [citizen] = makePeople(1, 7);
const changes = new Map<string, number>();
let rig: Rig;
let key: string;

before(async () => {
  rig = await startRig({
    seed: 5,
    async upstream({ id, method }) {
      if (method !== 'POST') return { status: 200, body: citizen };
      changes.set(id, (changes.get(id) ?? 0) + 1);
      return { status: 201, body: { reference: 'ac-000001' } };
    },
  });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  await until(async () => (await statusOf('outer')).policy !== null);
});
after(() => rig.close());

interface Status {
  readonly policy: unknown;
  readonly lanes: {
    readonly out: readonly [{ head: number; inFlight: number }];
    readonly in: readonly [{ contiguous: number; head: number }];
  };
}
const statusOf = async (role: Role) => (await rig[role].admin.request('status')).head as Status;

type Random = () => number;
const pick = <T>(random: Random, all: readonly T[]): T | undefined =>
  all[Math.floor(random() * all.length)];
const roleOf = (random: Random): Role => (random() < 0.5 ? 'outer' : 'inner');
const twelve = (value: number): string => String(Math.floor(value)).padStart(12, '0');

/** A package that crossed, or tried to: as it was, or as the mover would have it. */
function changed(random: Random): Buffer {
  const all = [...rig.seen.values()].slice(-60);
  const one = Buffer.from(pick(random, all) ?? Buffer.alloc(9));
  const other = pick(random, all) ?? one;
  const at = Math.floor(random() * one.length);
  const forms: (() => Buffer)[] = [
    () => one,
    () => one.subarray(0, at),
    () => Buffer.concat([one, Buffer.alloc(1 + (at % 1024))]),
    () => Buffer.concat([one.subarray(0, at), other.subarray(at)]),
    () => Buffer.alloc(at),
    () => {
      one[at] = (one[at] ?? 0) ^ (1 + Math.floor(random() * 255));
      return one;
    },
  ];
  return pick(random, forms)?.() ?? one;
}

const nameOf = (random: Random): string =>
  pick(random, [
    pick(random, [...rig.seen.keys()]) ?? '',
    `interactive-${twelve(1 + random() * 60)}-${newId()}.stp`,
    `bulk-${twelve(1 + random() * 999_999_999)}-${newId()}.stp`,
  ]) ?? '';

/** What such a mover does, one thing at a time. */
const tricks: readonly ((random: Random) => void)[] = [
  // copies, inventions, tears, reflections, other names
  ...Array.from({ length: 6 }, () => (random: Random) => {
    rig.deliver(roleOf(random), nameOf(random), changed(random));
  }),
  // what lies in a spool is gone, or another
  (random) => {
    const { spoolIn, spoolOut } = homePaths(rig[roleOf(random)].dir);
    const dir = random() < 0.5 ? spoolIn : spoolOut;
    const name = pick(random, readdirSync(dir));
    if (name === undefined) return;
    // Where a link lies there already, writing would be to what it names: that a sandbox must not let it.
    if (random() < 0.5 || !lstatSync(join(dir, name)).isFile())
      rmSync(join(dir, name), { recursive: true, force: true });
    else writeFileSync(join(dir, name), changed(random));
  },
  // what is no file
  (random) => {
    const { spoolIn, database } = homePaths(rig[roleOf(random)].dir);
    const path = join(spoolIn, `interactive-${twelve(1 + random() * 60)}-${newId()}.stp`);
    if (random() < 0.5) mkdirSync(path);
    else symlinkSync(database, path);
  },
  // lies on the socket
  (random) => {
    const names = Array.from({ length: 1 + Math.floor(random() * 50) }, () => nameOf(random));
    const { mover } = rig[roleOf(random)];
    mover.notify('collected', { files: names });
    mover.notify('sent', { files: names, atMs: names.map(() => Math.floor(random() * 2 ** 53)) });
  },
  (random) => {
    const { mover } = rig[roleOf(random)];
    mover.notify('channel', { up: random() < 0.5 });
    mover.notify('refused', {
      code: pick(random, Object.keys(errorTable)),
      detail: 'x'.repeat(999),
    });
    mover.notify(pick(random, ['collected', 'sent', 'hello', 'call', 'no-such']) ?? '', [null]);
  },
];

interface Called {
  readonly id: string;
  readonly write: boolean;
}

/** Calls, and waits until each has an answer or a code. */
async function callAll(random: Random, count: number): Promise<Called[]> {
  const body = { province: '示例省', city: '示例市', district: '示例区', street: '示例路 2 号' };
  return Promise.all(
    Array.from({ length: count }, async () => {
      await new Promise((resolve) => setTimeout(resolve, random() * 500));
      const write = random() < 0.5;
      const json = { headers: { 'content-type': 'application/json' }, respondAsync: true };
      const head = write
        ? callHead(key, 'POST', '/citizens/c-000001/address-changes', json)
        : callHead(key, 'GET', '/citizens/c-000001', { respondAsync: true });
      const bytes = write ? Buffer.from(JSON.stringify(body)) : Buffer.alloc(0);
      await rig.outer.edge.request('call', head, bytes);
      return { id: head.id, write };
    }),
  );
}

/** The status of the answer, or the code that was reported; nothing while the call waits. */
function endOf({ id }: Called): Promise<number | string | undefined> {
  return rig.outer.edge.request('call', callHead(key, 'GET', `/exchanges/${id}`)).then(
    ({ head }) => {
      const { status } = head as { status: number };
      return status === 202 ? undefined : status;
    },
    ({ code }) => code,
  );
}

/** All that both have sealed so far has come; heartbeats go on meanwhile. */
async function untilWhole(): Promise<void> {
  for (const [sender, receiver] of [
    ['outer', 'inner'],
    ['inner', 'outer'],
  ] as const) {
    const { head } = (await statusOf(sender)).lanes.out[0];
    await until(async () => (await statusOf(receiver)).lanes.in[0].contiguous >= head);
  }
}

const firstSeed = Number(process.env.SALLYPORT_SEED ?? 1);
const runs = Number(process.env.SALLYPORT_ATTACK_RUNS ?? 3);

for (let seed = firstSeed; seed < firstSeed + runs; seed += 1) {
  test(`storm ${seed}: all is answered or reported, nothing is done twice, the lanes are whole`, async () => {
    const random = randomFrom(seed);
    rig.weather = () => ({
      copies: pick(random, [0, 0, 1, 1, 2]) ?? 0,
      delayMs: Math.floor(random() * 60),
    });
    const calling = callAll(random, 12);
    for (let count = 0; count < 150; count += 1) {
      pick(random, tricks)?.(random);
      if (count % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const calls = await calling;
    rig.weather = clearSky;

    const ends = new Map<string, number | string>();
    await until(async () => {
      for (const one of calls) {
        const end = ends.has(one.id) ? undefined : await endOf(one);
        if (end !== undefined) ends.set(one.id, end);
      }
      return ends.size === calls.length;
    }, 60_000);
    for (const { id, write } of calls) {
      const done = changes.get(id) ?? 0;
      if (!write) assert.equal(ends.get(id), 200);
      else if (ends.get(id) === 201) assert.equal(done, 1);
      else assert.ok(typeof ends.get(id) === 'string' && done <= 1);
    }
    assert.ok([...changes.values()].every((count) => count === 1));
    await untilWhole();
    for (const role of ['outer', 'inner'] as const) {
      // As an honest mover does when it comes back: it tells of all that lies there.
      const { spoolIn } = homePaths(rig[role].dir);
      rig[role].mover.notify('collected', { files: readdirSync(spoolIn) });
      await until(() => readdirSync(homePaths(rig[role].dir).spoolIn).length === 0);
      // Links were never followed.
      assert.ok(readFileSync(homePaths(rig[role].dir).database).length > 0);
    }
  });
}
