/** Plug-ins of every kind in two real nodes: what they do, and what becomes of calls when they fail. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { appendFileSync, chmodSync, copyFileSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { filesBelow } from '../attack/sentinels.ts';
import { until } from '../until.ts';
import { calm, secret, startVehicles, type Vehicles } from './vehicles.ts';

let world: Vehicles;
before(async () => {
  world = await startVehicles();
});
after(() => world?.close());

/** The last event of a name at a node; a guard writes it a moment after the caller has its answer. */
async function last(role: 'outer' | 'inner', event: string): Promise<AuditEvent> {
  const [one] = (await world.events(role, event)).slice(-1);
  return one ?? assert.fail(`no event ${event}`);
}

test('nothing is said of plug-ins that only had to be started', async () => {
  for (const role of ['outer', 'inner'] as const) {
    assert.deepEqual(await world.events(role, 'plugin'), []);
  }
});

test('a transform masks, and what ran is evidence on both sides', async () => {
  world.vehicle = calm;
  const { status, body } = await world.call('/vehicles/v-1');
  assert.deepEqual([status, body], [200, { ...calm, postcode: '110***' }]);
  for (const [role, event] of [
    ['inner', 'mask'],
    ['outer', 'release'],
  ] as const) {
    const { rules } = await last(role, event);
    assert.equal(rules?.['plugin:area $.postcode'], 1);
    assert.equal(rules?.['check births'], 1);
  }
});

test('a detector hides what it finds where no mask is', async () => {
  world.vehicle = { ...calm, remark: '车架号 LFV2A21K8A3000001 已登记' };
  const { status, body } = await world.call('/vehicles/v-1');
  assert.deepEqual([status, body.remark], [200, '***']);
  assert.equal((await last('inner', 'detect')).rules?.['detect vin $.remark'], 1);
});

test('a check of an answer refuses a document as a whole, and names its rule', async () => {
  world.vehicle = { ...calm, owner: { ...calm.owner, birthDate: '1979-12-16' } };
  const { status, body } = await world.call('/vehicles/v-1');
  assert.deepEqual([status, body.code], [502, 'RESPONSE_REFUSED']);
  assert.equal((await last('inner', 'refuse')).rule, 'births/birth-date');
  world.vehicle = calm;
});

test('a check of a request refuses it before it crosses', async () => {
  const { idNumber, birthDate } = calm.owner;
  const body = { idNumber, birthDate, note: 'a note' };
  const good = await world.call('/reports', { method: 'POST', body });
  assert.equal(good.status, 201);
  const asked = world.asked.length;
  const bad = { ...body, birthDate: '1979-12-16' };
  const refused = await world.call('/reports', { method: 'POST', body: bad });
  assert.deepEqual([refused.status, refused.body.code], [422, 'CHECK_REFUSED']);
  assert.equal(world.asked.length, asked);
  assert.equal((await last('outer', 'refuse')).rule, 'births/birth-date');
});

test('a condition decides: a day that is closed is closed', async () => {
  const { status, body } = await world.call('/shut/x');
  assert.deepEqual([status, body.code], [403, 'CONDITION_UNMET']);
});

/** As an old system signs. */
function signed(method: string, path: string, body = '', key = secret): Record<string, string> {
  const time = String(Math.floor(Date.now() / 1000));
  const digest = createHash('sha256').update(body).digest('hex');
  const text = [method, path, '', digest, time].join('\n');
  const sign = createHmac('sha256', key).update(text).digest('hex');
  return { 'x-app': 'tax-legacy', 'x-app-time': time, 'x-app-sign': sign };
}

test('an authenticator lets its callers in, on both sides, and nobody else', async () => {
  const headers = signed('GET', '/plain/a');
  assert.equal((await world.call('/plain/a', { headers })).status, 200);
  assert.equal((await last('inner', 'decide')).consumer, 'old-tax');
  const { idNumber, birthDate } = calm.owner;
  const body = { birthDate, idNumber };
  const ofBody = signed('POST', '/reports', JSON.stringify(body));
  assert.equal(
    (await world.call('/reports', { method: 'POST', body, headers: ofBody })).status,
    201,
  );

  const forged: [string, Record<string, string>][] = [
    ['/plain/b', headers],
    ['/plain/a', { ...headers, 'x-app': 'tax' }],
    ['/plain/a', { ...headers, 'x-app-time': '1767225600' }],
    ['/plain/a', signed('GET', '/plain/a', '', 'another secret, not theirs')],
  ];
  for (const [path, shown] of forged) {
    const { status, body: told } = await world.call(path, { headers: shown });
    assert.deepEqual([status, told.code], [401, 'CREDENTIAL_UNKNOWN'], path);
  }
  const changed = { ...body, birthDate: '1978-12-16', note: 'added' };
  const other = await world.call('/reports', { method: 'POST', body: changed, headers: ofBody });
  assert.equal(other.status, 401);
  const both = { ...headers, authorization: 'Bearer x.y.z' };
  assert.equal((await world.call('/plain/a', { headers: both })).body.code, 'CREDENTIAL_TWICE');
});

test('a secret that is taken away is gone with the next call, and back with the next', async () => {
  const secrets = join(world.pair.outer, 'keys/plugins', world.digests['hmac-header']);
  const status = async () =>
    (await world.call('/plain/a', { headers: signed('GET', '/plain/a') })).status;
  renameSync(secrets, `${secrets}.away`);
  assert.equal(await status(), 401);
  renameSync(`${secrets}.away`, secrets);
  assert.equal(await status(), 200);
});

test('one that fails costs its own call alone: 502, an event, and others go on', async () => {
  for (const [mood, code] of [
    ['throw', 'PLUGIN_FAILED'],
    ['garbage', 'PLUGIN_ANSWER'],
    ['bomb', 'PLUGIN_FAILED'],
    ['hang', 'PLUGIN_FAILED'],
  ] as const) {
    const failing = world.call(`/moody/${mood}`);
    const others = await Promise.all(['/plain/a', '/vehicles/v-1'].map((path) => world.call(path)));
    assert.deepEqual(
      others.map(({ status }) => status),
      [200, 200],
    );
    const { status, body } = await failing;
    assert.deepEqual([status, body.code], [502, 'RESPONSE_REFUSED'], mood);
    const { rule, code: told } = await last('inner', 'plugin');
    assert.deepEqual([rule, told], ['moody', code]);
    const again = await world.call('/moody/calm');
    assert.deepEqual([again.status, again.body.word], [200, 'calm!']);
  }
});

test('status tells of each plug-in what it is and how it did', async () => {
  const { pair, digests } = world;
  const status = JSON.parse(await pair.sallyport('status', '--dir', pair.inner, '--json'));
  const { told } = status.processes.find((one: { name: string }) => one.name === 'plugins');
  const of = (digest: string) =>
    told.plugins.find((one: { digest: string }) => one.digest === digest);
  const moody = of(digests.moody);
  assert.deepEqual([moody.name, moody.kind], ['under-test', 'transform']);
  assert.ok(moody.calls >= 8 && moody.refusals >= 4 && moody.timeouts >= 1, JSON.stringify(moody));
  assert.equal(moody.lastFault.code, 'PLUGIN_FAILED');
  const { name, kind, state, refusals, lastFault } = of(digests.vin);
  assert.deepEqual([name, kind, state, refusals], ['vin', 'detector', 'running', 0]);
  assert.equal(lastFault, undefined);
  const text = await pair.sallyport('status', '--dir', pair.inner);
  assert.match(text, /^plug-ins +\S/m);
  assert.match(text, /vin {2}detector {2}running {2}[0-9a-f]{12} {2}calls \d+ {2}refusals 0/);
  assert.match(text, /under-test .* timeouts \d+ {2}last PLUGIN_FAILED/);
});

test('a file that was changed is another: refused before the service is called', async () => {
  const file = join(world.folder('inner'), 'postal-area.ts');
  copyFileSync(file, join(world.dir, 'kept.ts'));
  appendFileSync(file, '\n// changed\n');
  assert.equal(await codesUntil('/vehicles/v-1', 503), 'NOT_READY');
  const asked = world.asked.length;
  assert.equal((await world.call('/vehicles/v-1')).status, 503);
  assert.equal(world.asked.length, asked);
  assert.deepEqual((({ code, rule }) => [code, rule])(await last('inner', 'plugin')), [
    'PLUGIN_MISSING',
    'area',
  ]);
  copyFileSync(join(world.dir, 'kept.ts'), file);
  await codesUntil('/vehicles/v-1', 200);
});

/** The code of the answer once it has this status: the folder is looked at once a second. */
async function codesUntil(path: string, status: number): Promise<unknown> {
  let code: unknown;
  await until(async () => {
    const answer = await world.call(path);
    code = answer.body.code;
    return answer.status === status;
  }, 60_000);
  return code;
}

test('what the outer node lacks it cannot prove: nothing is released', async () => {
  const file = join(world.folder('outer'), 'vin.ts');
  renameSync(file, join(world.dir, 'away.ts'));
  assert.equal(await codesUntil('/vehicles/v-1', 502), 'RESPONSE_REFUSED');
  const { code, rule } = await last('outer', 'plugin');
  assert.deepEqual([code, rule], ['PLUGIN_MISSING', 'vin']);
  assert.equal((await world.call('/plain/a')).status, 200);
  renameSync(join(world.dir, 'away.ts'), file);
  await codesUntil('/vehicles/v-1', 200);
});

test('a folder in which others may write is not used, until it is closed', async () => {
  chmodSync(world.folder('inner'), 0o777);
  assert.equal(await codesUntil('/vehicles/v-1', 503), 'NOT_READY');
  assert.equal((await last('inner', 'plugin')).code, 'PLUGIN_REFUSED');
  chmodSync(world.folder('inner'), 0o700);
  await codesUntil('/vehicles/v-1', 200);
});

test('a node without the process of its plug-ins goes on with what needs none, and comes back', async () => {
  const { pair } = world;
  const status = JSON.parse(await pair.sallyport('status', '--dir', pair.inner, '--json'));
  const found = status.processes.find((one: { name: string }) => one.name === 'plugins');
  process.kill(found.pid, 'SIGSTOP');
  const waiting = world.call('/vehicles/v-1');
  assert.equal((await world.call('/plain/a')).status, 200);
  process.kill(found.pid, 'SIGKILL');
  assert.deepEqual([(await waiting).status, (await waiting).body.code], [503, 'NOT_READY']);
  await codesUntil('/vehicles/v-1', 200);
});

test('neither a secret nor what was hidden is anywhere that it need not be', () => {
  const hidden = [
    { name: 'secret', value: secret, may: (file: string) => file.includes('/keys/plugins/') },
    { name: 'vehicle number', value: 'LFV2A21K8A3000001', may: () => false },
  ];
  for (const { name, value, may } of hidden) {
    const places = [world.pair.outer, world.pair.inner].flatMap((home) =>
      // What is in a spool is sealed, and goes while it is looked at.
      filesBelow(home)
        .filter((file) => !may(file) && !file.includes('/spool/'))
        .filter((file) => readFileSync(file).includes(value)),
    );
    assert.deepEqual(places, [], name);
  }
});

test('a policy comes into force only where its plug-ins can be used', async () => {
  const { pair, folder } = world;
  rmSync(join(folder('inner'), 'moody.js'));
  // Of what is in force already nothing is asked: keys must be revocable whatever happened to a file.
  await pair.sallyport('policy', 'apply', world.policy, '--dir', pair.inner);
  const listed = await pair.sallyport('plugin', 'list', '--dir', pair.inner);
  assert.equal(listed.trim().split('\n').length, 5);
  assert.match(listed, new RegExp(`vin +detector +1\\.0\\.0 +${world.digests.vin}`));
});
