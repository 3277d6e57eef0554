/**
 * The token of a node goes away in the middle of its work and comes back, again and again; and a module that
 * fails while its token is there. SALLYPORT_FAULT_ROUNDS and SALLYPORT_SEED as in kill.test.ts.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import type { Role } from '@sallyport/shared/ports.ts';
import { softHsmMissing } from '../hsm/softhsm.ts';
import { randomFrom } from '../journey/rig.ts';
import { until } from '../until.ts';
import { distribution, nextAnswer } from './blows.ts';
import { type Caller, createCaller, type Reply, startLoad } from './load.ts';
import { assertSound, summary } from './sound.ts';
import {
  isSettled,
  processesOf,
  sleep,
  startWorld,
  statusOf,
  untilReady,
  type World,
} from './world.ts';

const skip = softHsmMissing;
const seed = Number(process.env.SALLYPORT_SEED ?? 20261123);
const rounds = Number(process.env.SALLYPORT_FAULT_ROUNDS ?? 1);
const roles = ['outer', 'inner'] as const;
const random = randomFrom(seed);
let world: World;
let caller: Caller;

before(async () => {
  if (skip !== false) return;
  world = await startWorld({ hsm: 'softhsm' });
  caller = createCaller(world);
});
after(async () => {
  caller?.close();
  await world?.close();
});

/** The folder of each node's token: the one that holds its keys. */
function tokenOf(role: Role): string {
  const tokens = join(world.dir, 'softhsm');
  const found = readdirSync(tokens)
    .map((name) => join(tokens, name))
    .find((folder) => holds(folder, `${role}-1`));
  return found ?? assert.fail(`expected the token of ${role}`);
}

const holds = (folder: string, label: string): boolean =>
  objectsIn(folder).some((file) => readFileSync(file).includes(label));

const objectsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.object'))
    .map((name) => join(folder, name));

const pids = (): unknown[] =>
  roles.flatMap((role) =>
    Object.values(processesOf(world.pair[role]).processes).map(({ pid }) => pid),
  );

async function isRed(role: Role): Promise<boolean> {
  const { ready } = await statusOf(world.pair[role]);
  return !ready.signer;
}

/** A change that no key can sign now: refused before it is accepted, with when to come again. */
async function refusal(): Promise<Reply> {
  const body = { province: '示例省', city: '示例市', district: '示例区', street: 'while-away' };
  return caller.call('POST', '/citizens/c-000002/address-changes', { body });
}

/** Does `harm` to the tokens of some nodes under load, and mends them. */
async function around(
  t: TestContext,
  which: readonly Role[],
  harm: (token: string) => () => void,
): Promise<void> {
  const load = startLoad(t, world, 12, seed + made++);
  const tokens = which.map(tokenOf);
  const before = pids();
  const redAfter: number[] = [];
  const answeredAfter: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await sleep(300 + random() * 300);
    const mends = tokens.map(harm);
    const harmedMs = performance.now();
    await Promise.all(which.map((role) => until(() => isRed(role))));
    redAfter.push(performance.now() - harmedMs);
    if (which.includes('outer')) {
      const { status, headers, body } = await refusal();
      assert.deepEqual([status, body.code], [503, 'HSM_LOST']);
      assert.match(String(headers['retry-after']), /^[1-9]\d*$/);
      assert.equal(world.changes.get('while-away'), undefined, 'refused is not done');
    }
    await sleep(random() * 1_500);
    for (const mend of mends) mend();
    answeredAfter.push(await nextAnswer(world, caller, ['outer', 'signer']));
    await Promise.all(roles.map((role) => untilReady(world.pair[role])));
  }
  const ledger = await load.stop();
  t.diagnostic(`${which}: red after: ${distribution(redAfter)}`);
  t.diagnostic(`${which}: from its return to the next answer: ${distribution(answeredAfter)}`);
  t.diagnostic(summary(ledger));
  assertSound(world, ledger, { answered: 0 });
  assert.ok((ledger.endings.get('201') ?? 0) > 0);
  assert.equal(ledger.endings.get('502 IN_DOUBT'), undefined, 'what was accepted was answered');
  assert.deepEqual(pids(), before, 'nothing was restarted');
  await until(() => isSettled(world.pair));
}

let made = 0;

for (const which of [['outer', 'inner'], ['outer'], ['inner']] as const) {
  test(`token of ${which} away and back under load: accepted calls are answered`, { skip }, (t) =>
    around(t, which, (token) => {
      const away = join(world.dir, `away-${basename(token)}`);
      renameSync(token, away);
      return () => renameSync(away, token);
    }),
  );
}

test('a module that fails although its token is there is a lost token', { skip }, (t) =>
  around(t, ['outer', 'inner'], (token) => {
    const kept = objectsIn(token).map((file): [string, Buffer] => [file, readFileSync(file)]);
    for (const [file] of kept) writeFileSync(file, '');
    return () => {
      for (const [file, bytes] of kept) writeFileSync(file, bytes);
    };
  }),
);
