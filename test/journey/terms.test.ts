/** The terms of grants on both nodes: limits, conditions over the source, exceptions; from call to answer. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Fallen, fell } from './fallen.ts';
import { callHead, type Rig, samplePolicy, startRig } from './rig.ts';

const [citizen] = makePeople(1, 7);
const folder = join(temporaryFolder(), 'policy');
/** Of the route. */
const deadlineMs = 60_000;
let rig: Rig;
let outer: Fallen;
let key: string;
let version = 0;

before(async () => {
  cpSync(dirname(samplePolicy), folder, { recursive: true });
  rig = await startRig({ seed: 2, upstream: async () => ({ status: 200, body: citizen }) });
  key = await rig.issueKey('tax-bureau');
});
after(() => rig.close());

/** Puts the sample policy in force on both nodes, with these lines in the grant of the tax bureau. */
async function applyWith(terms: string): Promise<void> {
  const text = readFileSync(samplePolicy, 'utf8');
  const grant = '  - consumer: tax-bureau\n';
  assert.ok(text.includes(grant));
  writeFileSync(join(folder, 'policy.yaml'), text.replace(grant, `${grant}${terms}`));
  await rig.applyPolicy(folder);
  version += 1;
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy?: { version: number } }).policy?.version === version;
  });
}

interface Told {
  readonly status?: number;
  readonly code?: ErrorCode;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Record<string, string>;
}

async function call(more: object = {}, id = newId()): Promise<Told> {
  const head = { ...callHead(key, 'GET', '/citizens/c-000001', more), id };
  try {
    const reply = await rig.outer.edge.request('call', head);
    const told = reply.head as Told;
    return reply.body.length > 0 ? { ...told, body: JSON.parse(reply.body.toString()) } : told;
  } catch (thrown) {
    assert.ok(thrown instanceof SallyportError);
    return { code: thrown.code };
  }
}

/** As the outer node seals it. */
function request(source?: string): RequestHeader {
  return {
    type: 'request',
    id: newId(),
    flow: 'citizen-registry/get-citizen',
    consumer: 'tax-bureau',
    deadlineMs: Date.now() + deadlineMs,
    method: 'GET',
    path: '/citizens/c-000001',
    query: [],
    headers: {},
    ...(source !== undefined && { source }),
  };
}

/** Waits for it: what is refused is recorded a moment after it was told. */
async function eventOf(side: 'outer' | 'inner', event: string, exchangeId: string) {
  const find = async () =>
    (await rig[side].events()).find((one) => one.event === event && one.exchangeId === exchangeId);
  await until(async () => (await find()) !== undefined);
  return find();
}

test('calls beyond a limit are refused, and a restart gives no fresh limit', async () => {
  const startedMs = performance.now();
  await applyWith('    limits: { perHour: 3, perDay: 100 }\n');
  const first = await call();
  assert.equal(first.status, 200);
  assert.match(first.headers?.ratelimit ?? '', /^"perHour";r=2;t=1200, "perDay";r=99;t=\d+$/);
  assert.equal(first.headers?.['ratelimit-policy'], '"perHour";q=3;w=3600, "perDay";q=100;w=86400');
  await call();
  const third = newId();
  await call({}, third);
  await call({ again: true }, third);
  const refused = await call();
  assert.deepEqual([refused.status, refused.code], [429, 'RATE_LIMITED']);
  const tookS = (performance.now() - startedMs) / 1_000;
  assert.ok(Number(refused.headers?.['retry-after']) >= 1200 - tookS);
  assert.match(refused.headers?.ratelimit ?? '', /^"perHour";r=0;/);

  await new Promise((done) => setTimeout(done, limits.rateSaveMs + 200));
  await rig.outer.restartGuard();
  assert.equal((await call()).code, 'RATE_LIMITED');
});

test('what has a limit is closed when its use cannot be saved', async () => {
  await applyWith('    limits: { perHour: 1000 }\n');
  assert.equal((await call()).status, 200);
  rig.storeFault.outer = 'STORE_FULL';
  try {
    assert.equal((await call()).code, 'STORE_FULL');
    // At first each call fails by itself; once the use of the limit is unsaved for too long, at the limit.
    await until(async () => (await call()).code === 'STORE_FAILED');
  } finally {
    delete rig.storeFault.outer;
  }
  await until(async () => (await call()).status === 200);
});

test('both guards decide by the source, which crosses because the condition reads it', async () => {
  await applyWith(`    when: 'source.ip.inCidr("10.1.0.0/16")'\n`);
  const id = newId();
  assert.equal((await call({ remote: '10.1.2.3' }, id)).status, 200);
  assert.equal((await eventOf('outer', 'accept', id))?.source, '10.1.2.3');
  const decided = await eventOf('inner', 'decide', id);
  assert.deepEqual([decided?.source, decided?.risk], ['10.1.2.3', undefined]);
  const refused = newId();
  assert.equal((await call({ remote: '10.2.0.1' }, refused)).code, 'CONDITION_UNMET');
  assert.equal((await eventOf('outer', 'refuse', refused))?.policyVersion, version);
  assert.equal((await call()).code, 'CONDITION_FAILED');
});

test('an exception opens its field, and each answer says so', async () => {
  const day = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
  const open = `{ field: $.idNumber, reason: tax audit 2026-7, approver: chen.wei, until: ${day} }`;
  await applyWith(`    unmasked: [ ${open} ]\n`);
  const id = newId();
  const { body } = await call({}, id);
  assert.equal(body?.idNumber, citizen?.idNumber);
  assert.notEqual(body?.phone, citizen?.phone);
  assert.equal((await eventOf('inner', 'mask', id))?.rules?.['unmasked $.idNumber'], 1);
  assert.equal((await eventOf('outer', 'release', id))?.rules?.['unmasked $.idNumber'], 1);
  const unmasked = async (): Promise<number> => {
    const { head } = await rig.inner.admin.request('status');
    return (head as { policy: { unmasked: number } }).policy.unmasked;
  };
  assert.equal(await unmasked(), 1);
  rig.clock.offsetMs += 32 * 86_400_000;
  try {
    assert.equal(await unmasked(), 0);
    await until(async () => {
      const { body: later } = await call();
      return later !== undefined && later.idNumber !== citizen?.idNumber;
    });
  } finally {
    rig.clock.offsetMs -= 32 * 86_400_000;
  }
});

test('a fallen outer node that tells no source, or a wrong one, gets nothing', async () => {
  const limited = '    limits: { perSecond: 1 }\n';
  await applyWith(`${limited}    when: 'source.ip.inCidr("10.1.0.0/16")'\n`);
  outer = await fell(rig, 'outer');
  for (const [source, code] of [
    [undefined, 'CONDITION_FAILED'],
    ['10.2.0.1', 'CONDITION_UNMET'],
    ['nowhere', 'CONDITION_FAILED'],
  ] as const) {
    const header = request(source);
    await outer.send({ header, body: '' });
    const event = await eventOf('inner', 'refuse', header.id);
    assert.equal(event?.code, code);
    assert.equal(event?.policyVersion, version);
    assert.equal(event?.source, source === 'nowhere' ? undefined : source);
  }
});

test('a fallen outer node that counts no calls gets one burst, and then what the limit says', async () => {
  const startedMs = performance.now();
  const calls = Array.from({ length: 150 }, () => ({ header: request('10.1.2.3') }));
  const ids = new Set<string>(calls.map(({ header }) => header.id));
  await outer.send(...calls);
  const answers: (number | string)[] = [];
  await until(async () => {
    for (const { header } of await outer.received()) {
      if (header.type === 'response' && ids.has(header.correlationId))
        answers.push(header.error ?? header.status);
    }
    return answers.length === calls.length;
  });
  const passed = answers.filter((answer) => answer === 200).length;
  const burst = 1 + (deadlineMs + limits.clockApartMs) / 1_000;
  assert.ok(passed >= burst && passed <= burst + (performance.now() - startedMs) / 1_000 + 1);
  assert.equal(answers.filter((answer) => answer === 'RATE_LIMITED').length, 150 - passed);
});
