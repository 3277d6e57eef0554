/** A call's whole journey through two guards, in fair weather and foul. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { callHead, clearSky, type Rig, samplePolicy, startRig, storm } from './rig.ts';

const [citizen = fail()] = makePeople(1, 7);
let rig: Rig;
let tax: string;
let health: string;
const changes = new Map<string, number>();
let upstreamDown: (() => Promise<void>) | undefined;

before(async () => {
  rig = await startRig({
    seed: 20261123,
    async upstream({ id, method, path }) {
      await upstreamDown?.();
      if (method === 'POST') {
        changes.set(id, (changes.get(id) ?? 0) + 1);
        return { status: 201, body: { reference: 'ac-000001' } };
      }
      if (path.endsWith('c-000404')) return { status: 404, body: { title: 'no such citizen' } };
      return { status: 200, body: citizen };
    },
  });
  tax = await rig.issueKey('tax-bureau');
  health = await rig.issueKey('health-office');
});
after(() => rig.close());

const get = (key: string | undefined, path = '/citizens/c-000001', more: object = {}) =>
  rig.outer.edge.request('call', callHead(key, 'GET', path, more));
const address = Buffer.from(
  JSON.stringify({ province: '示例省', city: '示例市', district: '示例区', street: '示例路 2 号' }),
);
const change = (more: object = {}, body: Buffer = address) =>
  rig.outer.edge.request(
    'call',
    callHead(tax, 'POST', '/citizens/c-000001/address-changes', {
      headers: { 'content-type': 'application/json' },
      ...more,
    }),
    body,
  );
const json = (answer: { body: Buffer }): Record<string, unknown> => JSON.parse(String(answer.body));

test('before any policy has crossed nothing passes', async () => {
  await assert.rejects(get(tax), { code: 'POLICY_MISSING' });
});

test('the inner node signs a policy, the outer obeys it, and a call comes back masked', async () => {
  await rig.applyPolicy();
  await until(async () => (await statusOf('outer')).policy?.version === 1);
  const answer = await get(tax);
  assert.equal((answer.head as { status: number }).status, 200);
  const record = json(answer);
  const { idNumber } = citizen;
  assert.equal(record.idNumber, `${idNumber.slice(0, 3)}${'*'.repeat(11)}${idNumber.slice(-4)}`);
  assert.match(String(record.name), new RegExp(`^${citizen.name[0]}.?[*＊]+$`));
  assert.equal(
    JSON.stringify(record).includes(citizen.address.street),
    false,
    'the street is not granted',
  );
  assert.equal(JSON.stringify(record).includes(citizen.phone), false);
});

test('two consumers get different fields of the same record', async () => {
  const ofTax = json(await get(tax));
  const ofHealth = json(await get(health));
  assert.ok('income' in ofTax && !('income' in ofHealth));
  assert.ok('idNumber' in ofTax && !('idNumber' in ofHealth));
});

test('the outer node is not told where the services of the inner domain are', async () => {
  const { body } = await rig.outer.admin.request('policy-show');
  assert.equal(body.includes('127.0.0.1:9100'), false);
  assert.equal(
    (await rig.inner.admin.request('policy-show')).body.includes('127.0.0.1:9100'),
    true,
  );
});

test('default deny: each refusal has its code', async () => {
  const refusals: [() => Promise<unknown>, string][] = [
    [() => get(undefined), 'CREDENTIAL_MISSING'],
    [() => get('sp_wrong'), 'CREDENTIAL_UNKNOWN'],
    [() => get(tax, '/citizens'), 'GRANT_MISSING'],
    [() => get(tax, '/nothing/here'), 'ROUTE_UNKNOWN'],
    [() => get(tax, '/citizens/not-an-id'), 'SCHEMA_REFUSED'],
    [() => get(tax, '/citizens/c-000001', { query: [['debug', '1']] }), 'SCHEMA_REFUSED'],
    [() => change({}, Buffer.from('{"a":1,"a":2}')), 'JSON_REFUSED'],
    [() => change({}, Buffer.from('{"extra":"field"}')), 'SCHEMA_REFUSED'],
    [() => change({ headers: { 'content-type': 'text/xml' } }), 'CONTENT_TYPE_REFUSED'],
    [() => rig.outer.edge.request('call', { id: 'x' }), 'IPC_FRAME'],
    [() => get(tax, `/exchanges/${newId()}`), 'EXCHANGE_UNKNOWN'],
  ];
  for (const [refusal, code] of refusals) await assert.rejects(refusal(), { code });
});

test('a refused method is told which methods there are', async () => {
  for (const path of ['/citizens/c-000001', `/exchanges/${newId()}`]) {
    const { head } = await rig.outer.edge.request('call', callHead(tax, 'DELETE', path));
    assert.deepEqual(head, { status: 405, headers: { allow: 'GET' }, code: 'METHOD_REFUSED' });
  }
});

test('a consumer sees that a record does not exist, and nothing of the body that said so', async () => {
  const answer = await get(tax, '/citizens/c-000404');
  assert.equal((answer.head as { status: number }).status, 404);
  assert.equal(answer.body.length, 0);
});

test('every step of a call is in the audit logs, and no value is', async () => {
  const head = callHead(tax, 'GET', '/citizens/c-000001');
  await rig.outer.edge.request('call', head);
  const namesOf = (events: { event: string; exchangeId?: string }[]): string[] =>
    events.filter(({ exchangeId }) => exchangeId === head.id).map(({ event }) => event);
  await until(async () => namesOf(await rig.outer.events()).includes('deliver'));
  const [outer, inner] = [await rig.outer.events(), await rig.inner.events()];
  assert.deepEqual(namesOf(outer), ['accept', 'release', 'deliver']);
  assert.deepEqual(namesOf(inner), ['decide', 'call', 'mask']);
  const text = JSON.stringify([outer, inner]);
  for (const value of [citizen.idNumber, citizen.phone, citizen.name, tax]) {
    assert.equal(text.includes(value), false);
  }
});

test('a caller that does not wait gets a place to fetch the answer, and nobody else does', async () => {
  const answer = await get(tax, '/citizens/c-000001', { respondAsync: true });
  const { status, headers } = answer.head as { status: number; headers: Record<string, string> };
  assert.equal(status, 202);
  assert.equal(headers['preference-applied'], 'respond-async');
  const location = String(headers.location);
  await until(async () => ((await get(tax, location)).head as { status: number }).status === 200);
  await assert.rejects(get(health, location), { code: 'EXCHANGE_UNKNOWN' });
});

test('an answer that waits to be fetched is given as long as the grant stands', async () => {
  const versionOutside = async () => (await statusOf('outer')).policy?.version ?? 0;
  const { headers } = (await get(tax, '/citizens/c-000001', { respondAsync: true })).head as {
    headers: Record<string, string>;
  };
  const location = String(headers.location);
  const statusOfAnswer = async () => ((await get(tax, location)).head as { status: number }).status;
  await until(async () => (await statusOfAnswer()) === 200);
  const dir = temporaryFolder();
  cpSync(dirname(samplePolicy), dir, { recursive: true });
  const file = join(dir, 'policy.yaml');
  const text = readFileSync(file, 'utf8');
  const grant =
    / {2}- consumer: tax-bureau\n {4}routes: \[citizen-registry\/get-citizen\]\n.*\n.*\n/;
  assert.match(text, grant);
  writeFileSync(file, text.replace(grant, ''));
  const before = await versionOutside();
  await rig.applyPolicy(file);
  await until(async () => (await versionOutside()) > before);
  await assert.rejects(get(tax, location), { code: 'GRANT_MISSING' });
  await rig.applyPolicy();
  await until(async () => (await versionOutside()) > before + 1);
  assert.equal(await statusOfAnswer(), 200);
});

test('a caller whose wait runs out gets the same place, and no word of a preference', async () => {
  let open = (): void => {};
  upstreamDown = () => new Promise((resolve) => (open = resolve));
  interface Head {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
  }
  const first = (await get(tax, '/citizens/c-000001', { waitMs: 50 })).head as Head;
  const location = String(first.headers.location);
  const shown = (await get(tax, location)).head as Head;
  for (const { status, headers } of [first, shown]) {
    assert.equal(status, 202);
    assert.deepEqual(Object.keys(headers), ['location', 'retry-after']);
  }
  await until(async () => {
    open();
    return ((await get(tax, location)).head as Head).status === 200;
  });
  upstreamDown = undefined;
});

test('a policy that is in force already makes no new version; another API key does', async () => {
  const version = (await statusOf('inner')).policy?.version ?? 0;
  await rig.applyPolicy();
  assert.equal((await statusOf('inner')).policy?.version, version);
  await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  assert.equal((await statusOf('inner')).policy?.version, version + 1);
});

test('the same Idempotency-Key is the same exchange; another call under it is refused', async () => {
  const before = changes.size;
  const key = { idempotencyKey: 'order-1' };
  const [one, two] = await Promise.all([change(key), change(key)]);
  const three = await change(key);
  assert.deepEqual([two.body, three.body], [one.body, one.body]);
  assert.equal(changes.size, before + 1);
  await assert.rejects(change({ ...key, query: [['a', 'b']] }), { code: 'IDEMPOTENCY_KEY_REUSED' });
});

test('the same call handed over again by the edge opens no second exchange', async () => {
  const before = changes.size;
  const again = { id: newId() };
  await Promise.all([change(again), change(again)]);
  await change({ ...again, again: true });
  assert.equal(changes.size, before + 1);
});

test('in a storm that drops, repeats and reorders, every call is answered and done once', async () => {
  rig.weather = storm;
  const before = changes.size;
  const calls = Array.from({ length: 120 }, async (_, index) => {
    await new Promise((resolve) => setTimeout(resolve, index * 4));
    return index % 3 === 0 ? change() : get(tax);
  });
  const answers = await Promise.all(calls);
  rig.weather = clearSky;
  assert.ok(answers.every(({ head }) => [200, 201].includes((head as { status: number }).status)));
  assert.equal(changes.size - before, 40);
  assert.deepEqual([...new Set(changes.values())], [1], 'no change was made twice');
  await settled();
});

test('a replayed package is refused, receipted again, and does nothing', async () => {
  const before = changes.size;
  const imports = [...rig.seen].slice(0, 20);
  for (const [name, bytes] of imports) {
    rig.deliver('inner', name, bytes);
    rig.deliver('outer', name, bytes);
  }
  await until(async () => {
    const events = await rig.inner.events();
    return events.some(({ code }) => code === 'LANE_REPLAY' || code === 'PACKAGE_SENDER');
  });
  await get(tax);
  assert.equal(changes.size, before);
});

test('a package with a flipped byte anywhere is refused; the good one still comes through', async () => {
  await settled();
  const known = new Set(rig.seen.keys());
  rig.weather = () => ({ copies: 0, delayMs: 0 });
  const waiting = get(tax);
  const fresh = (): [string, Buffer] | undefined =>
    [...rig.seen].find(([name, bytes]) => !known.has(name) && bytes.includes('"sender":"outer-1"'));
  await until(() => fresh() !== undefined);
  const [name, good] = fresh() ?? fail();
  const before = (await refusals()).length;
  const places = Array.from({ length: 40 }, (_, index) => 3 + index * Math.floor(good.length / 41));
  const rename = (sequence: number): string =>
    name.replace(/\d{12}/, String(sequence).padStart(12, '0'));
  for (const at of places) {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    rig.deliver('inner', rename(900_000 + at), bytes);
  }
  rig.deliver('inner', rename(999_998), good.subarray(0, good.length / 2));
  rig.deliver('inner', rename(999_999), Buffer.concat([good, Buffer.alloc(512)]));
  await until(async () => (await refusals()).length >= before + places.length + 2);
  const codes = (await refusals()).slice(before);
  assert.deepEqual(
    codes.filter((code) => !code.startsWith('PACKAGE_')),
    [],
  );
  rig.weather = clearSky;
  assert.equal(((await waiting).head as { status: number }).status, 200);
});

/** Codes of the packages that the inner node refused, replays aside. */
async function refusals(): Promise<string[]> {
  const events = await rig.inner.events();
  return events.flatMap(({ event, code, lane, exchangeId }) =>
    event === 'refuse' && lane && !exchangeId && code !== undefined ? [code] : [],
  );
}

test('after a guard restart waiting calls are answered and nothing is doubled', async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  upstreamDown = () => gate;
  const waiting = get(tax, '/citizens/c-000001', { respondAsync: true });
  const { headers } = (await waiting).head as { headers: Record<string, string> };
  await rig.outer.restartGuard();
  upstreamDown = undefined;
  release();
  const location = String(headers.location);
  await until(async () => ((await get(tax, location)).head as { status: number }).status === 200);
  await settled();
});

test('a restart of the inner guard calls safe routes again and reports others as in doubt', async () => {
  let reached = 0;
  upstreamDown = () => {
    reached += 1;
    return new Promise(() => {});
  };
  const read = (await get(tax, '/citizens/c-000001', { respondAsync: true })).head;
  const write = (await change({ respondAsync: true })).head;
  await until(() => reached === 2);
  await rig.inner.restartGuard();
  upstreamDown = undefined;
  const at = (head: unknown): string =>
    String((head as { headers: Record<string, string> }).headers.location);
  await until(async () => ((await get(tax, at(read))).head as { status: number }).status === 200);
  await until(() =>
    get(tax, at(write)).then(
      () => false,
      (error) => error.code === 'IN_DOUBT',
    ),
  );
});

test('after a restart, what may have been called is in doubt although its grant is gone', async () => {
  let reached = 0;
  upstreamDown = () => {
    reached += 1;
    return new Promise(() => {});
  };
  const { headers } = (await change({ respondAsync: true })).head as {
    headers: Record<string, string>;
  };
  await until(() => reached === 1);
  const dir = temporaryFolder();
  cpSync(dirname(samplePolicy), dir, { recursive: true });
  const file = join(dir, 'policy.yaml');
  const text = readFileSync(file, 'utf8');
  const without = text.replace(/ {2}- consumer: tax-bureau\n.*change-address\]\n.*\n.*\n/, '');
  assert.notEqual(without, text);
  writeFileSync(file, without);
  await rig.applyPolicy(dir);
  await rig.inner.restartGuard();
  upstreamDown = undefined;
  await until(() =>
    get(tax, String(headers.location)).then(
      () => false,
      (error) => error.code === 'IN_DOUBT',
    ),
  );
  await rig.applyPolicy();
});

test('a request that comes after its deadline is not released', async () => {
  let reached = 0;
  upstreamDown = async () => {
    reached += 1;
  };
  rig.weather = () => ({ copies: 1, delayMs: 100 });
  const answer = await get(tax, '/citizens/c-000001', { respondAsync: true });
  rig.clock.offsetMs = 30 * 60_000;
  const { headers } = answer.head as { headers: Record<string, string> };
  await until(() =>
    get(tax, String(headers.location)).then(
      () => false,
      (error) => error.code === 'DEADLINE_PASSED',
    ),
  );
  rig.clock.offsetMs = 0;
  rig.weather = clearSky;
  upstreamDown = undefined;
  assert.equal(reached, 0);
});

function fail(): never {
  throw new Error('expected a citizen');
}

/** Both sides have a receipt for everything that they sent. */
async function settled(): Promise<void> {
  await until(async () => {
    const [outer, inner] = [await statusOf('outer'), await statusOf('inner')];
    return [outer, inner].every(({ lanes }) => lanes.out[0]?.inFlight === 0);
  });
}

async function statusOf(role: 'outer' | 'inner') {
  const { head } = await rig[role].admin.request('status');
  return head as { policy: { version: number } | null; lanes: { out: { inFlight: number }[] } };
}
