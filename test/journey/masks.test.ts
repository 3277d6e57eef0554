/** Keyed masks, tokens that lead back, and the second net, through two guards. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { actor } from '@sallyport/cli/actor.ts';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { controlSocket, homePaths } from '@sallyport/shared/config/home.ts';
import { tokenPattern } from '@sallyport/shared/masking/keyed.ts';
import { listen } from '@sallyport/shared/processes/ipc/socket.ts';
import { sallyport } from '../demo/command.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { callHead, type Rig, samplePolicy, startRig } from './rig.ts';

const [citizen = assert.fail()] = makePeople(1, 7);
const flow = 'citizen-registry/get-citizen';
let rig: Rig;
let tax: string;
let health: string;
let served = citizen;

before(async () => {
  rig = await startRig({ seed: 4, upstream: async () => ({ status: 200, body: served }) });
  tax = await rig.issueKey('tax-bureau');
  health = await rig.issueKey('health-office');
  await apply('mask');
});
after(() => rig.close());

/** The sample with tokens, hashes and a right; `hit`: what the net does. */
async function apply(hit: 'mask' | 'block'): Promise<void> {
  const folder = temporaryFolder();
  cpSync(dirname(samplePolicy), folder, { recursive: true });
  const file = join(folder, 'policy.yaml');
  const swap = (text: string, from: string, to: string): string => {
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  };
  let text = readFileSync(file, 'utf8');
  text = swap(
    text,
    '{ field: $.idNumber, transform: keep, first: 3, last: 4 }',
    '{ field: $.idNumber, transform: token }',
  );
  text = swap(
    text,
    '{ field: $.phone, transform: keep, first: 3, last: 4 }',
    '{ field: $.phone, transform: token, as: digits }',
  );
  text = swap(text, '{ field: $.name, transform: surname }', '{ field: $.name, transform: hash }');
  text = swap(
    text,
    'response:\n          schema: schemas/citizen.json',
    `response:\n          detect: { hit: ${hit} }\n          schema: schemas/citizen.json`,
  );
  text += `
rights:
  - { actor: wang, may: reverse-tokens, consumers: [tax-bureau] }
  - { actor: wang, may: mask-files, consumers: [tax-bureau] }
  - { actor: ${actor()}, may: mask-files, consumers: [tax-bureau] }
`;
  writeFileSync(file, text);
  const versionOf = async (): Promise<number> => {
    const { head } = await rig.outer.admin.request('status', {});
    return (head as { policy?: { version: number } | null }).policy?.version ?? 0;
  };
  const old = await versionOf();
  await rig.applyPolicy(file);
  await until(async () => (await versionOf()) > old);
}

async function get(key: string): Promise<Record<string, string>> {
  const { body } = await rig.outer.edge.request(
    'call',
    callHead(key, 'GET', '/citizens/c-000001', {}),
  );
  return JSON.parse(String(body));
}

const reverse = async (
  actor: string,
  field: string,
  token: string | undefined,
  consumer = 'tax-bureau',
) => {
  const head = { actor, consumer, flow, field, token };
  return String((await rig.inner.admin.request('token-reverse', head)).body);
};

test('tokens are stable for one recipient, also after a restart, and others cannot join theirs', async () => {
  const first = await get(tax);
  assert.match(String(first.idNumber), tokenPattern);
  assert.match(String(first.phone), /^\d{11}$/);
  assert.notEqual(first.phone, citizen.phone);
  assert.match(String(first.name), /^h_/);
  await rig.inner.restartGuard();
  assert.deepEqual(await get(tax), first);
  assert.notEqual((await get(health)).name, first.name);
});

test('an operator with the right turns tokens back; it is in the audit log, without the value', async () => {
  const { idNumber, phone } = await get(tax);
  assert.equal(await reverse('wang', '$.idNumber', idNumber), citizen.idNumber);
  assert.equal(await reverse('wang', '$.phone', phone), citizen.phone);
  const events = (await rig.inner.events()).filter(({ event }) => event === 'token-reverse');
  assert.equal(events.length, 2);
  const [event] = events;
  assert.deepEqual(event?.rules, { 'token $.idNumber': 1 });
  assert.equal(`${event?.actor} ${event?.consumer} ${event?.flow}`, `wang tax-bureau ${flow}`);
  const log = JSON.stringify(await rig.inner.events());
  assert.equal(log.includes(citizen.idNumber) || log.includes(citizen.phone), false);
});

test('without the right, or with a token of nobody, nothing is told; the attempt is recorded', async () => {
  const { idNumber } = await get(tax);
  const before = (await rig.inner.events()).length;
  await assert.rejects(reverse('li', '$.idNumber', idNumber), { code: 'RIGHT_MISSING' });
  const other = reverse('wang', '$.idNumber', idNumber, 'health-office');
  await assert.rejects(other, { code: 'RIGHT_MISSING' });
  const unknown = `tok_${'0'.repeat(26)}`;
  await assert.rejects(reverse('wang', '$.idNumber', unknown), { code: 'TOKEN_UNKNOWN' });
  await assert.rejects(reverse('wang', '$.idNumber', 'x'), { code: 'TOKEN_UNKNOWN' });
  await assert.rejects(reverse('wang', '$.phone', 'x'), { code: 'TOKEN_UNKNOWN' });
  await assert.rejects(reverse('wang', '$.name', 'h_x'), { code: 'TOKEN_UNKNOWN' });
  await assert.rejects(reverse('wang', '$.idNumber', undefined), { code: 'IPC_FRAME' });
  await until(async () => {
    const events = (await rig.inner.events()).slice(before);
    return (
      events.filter(({ actor, code }) => actor === 'li' && code === 'RIGHT_MISSING').length === 1
    );
  });
});

const order = { actor: 'wang', consumer: 'tax-bureau', flow };
const maskRecords = async (head: object, records: unknown) =>
  rig.inner.admin.request('mask-records', head, Buffer.from(JSON.stringify(records)));

test('records of a file are masked with the keys of the node: as answers are', async () => {
  const { address, ...answer } = await get(tax);
  const { head, body } = await maskRecords(order, [citizen, citizen]);
  const records: Record<string, unknown>[] = JSON.parse(String(body));
  assert.equal(records.length, 2);
  for (const record of records) assert.partialDeepStrictEqual(record, answer);
  const { rules } = head as { rules: Record<string, number> };
  assert.equal(rules['token $.idNumber'], 2);
  const events = (await rig.inner.events()).filter(({ event }) => event === 'mask-records');
  assert.deepEqual(events.at(-1)?.rules, rules);
  assert.equal(
    `${events[0]?.actor} ${events[0]?.consumer} ${events[0]?.flow}`,
    `wang tax-bureau ${flow}`,
  );
  await rig.inner.restartGuard();
  assert.equal(await reverse('wang', '$.idNumber', String(records[0]?.idNumber)), citizen.idNumber);
});

test('without the right no record is masked, and bad records are refused; all is recorded', async () => {
  const before = (await rig.inner.events()).length;
  const refused: [object, unknown, string][] = [
    [{ ...order, actor: 'li' }, [citizen], 'RIGHT_MISSING'],
    [{ ...order, consumer: 'health-office' }, [citizen], 'RIGHT_MISSING'],
    [{ ...order, flow: 'citizen-registry/list-citizens' }, [citizen], 'GRANT_MISSING'],
    [{ ...order, flow: '../x' }, [citizen], 'IPC_FRAME'],
    [{}, [citizen], 'IPC_FRAME'],
    [order, citizen, 'IPC_FRAME'],
    [order, Array.from({ length: 129 }, () => 1), 'IPC_FRAME'],
    [order, [{ ...citizen, phone: 1 }], 'RESPONSE_REFUSED'],
  ];
  for (const [head, records, code] of refused) {
    await assert.rejects(maskRecords(head, records), { code }, code);
  }
  const broken = Buffer.from('[{"a":1,"a":2}]');
  const twice = rig.inner.admin.request('mask-records', order, broken);
  await assert.rejects(twice, { code: 'JSON_REFUSED' });
  await assert.rejects(rig.outer.admin.request('mask-records', order), { code: 'IPC_VERB' });
  await until(async () => {
    const events = (await rig.inner.events()).slice(before);
    const codes = events.flatMap(({ event, code }) => (event === 'refuse' ? [code] : []));
    return codes.filter((code) => code === 'RIGHT_MISSING').length === 2 && codes.length >= 7;
  });
  assert.equal(JSON.stringify(await rig.inner.events()).includes(citizen.idNumber), false);
});

/** No node is started from it. */
const innerConfig = `role: inner
node: inner-1
management: { host: 127.0.0.1, port: 1 }
channel:
  send: { kind: directory, dir: out }
  receive: { kind: directory, dir: in }
hsm: { kind: soft, file: soft.keys, pinFile: pin }
`;

test('mask run --dir masks a file through the control socket, in orders that are not too long', async () => {
  const home = temporaryFolder();
  mkdirSync(dirname(controlSocket(home)), { recursive: true });
  writeFileSync(homePaths(home).config, innerConfig);
  const orders: number[] = [];
  const socket = await listen(controlSocket(home), {
    'mask-records': (head: unknown, body: Buffer) => {
      orders.push(body.length);
      return rig.inner.admin.request('mask-records', head, body);
    },
  });
  try {
    const [from, to] = [join(home, 'in.ndjson'), join(home, 'out.ndjson')];
    writeFileSync(from, `${JSON.stringify(citizen)}\n`.repeat(300));
    const route = ['--consumer', 'tax-bureau', '--route', flow];
    const run = await sallyport('mask', 'run', '--dir', home, ...route, from, to);
    assert.equal(run.code, 0, run.stderr);
    const lines = readFileSync(to, 'utf8').trimEnd().split('\n');
    assert.equal(lines.length, 300);
    assert.equal(new Set(lines).size, 1);
    assert.equal(lines[0]?.includes(citizen.idNumber), false);
    assert.deepEqual([orders.length, orders[0]], [4, 0]);
    const other = await sallyport(
      'mask',
      'run',
      '--dir',
      home,
      ...route,
      '--plugins',
      home,
      from,
      `${to}2`,
    );
    assert.equal(other.code, 2, other.stderr);
  } finally {
    await socket.close();
  }
});

test('the outer node has no key, no token and no right', async () => {
  const head = { actor: 'wang', consumer: 'tax-bureau', flow, field: '$.idNumber', token: 'x' };
  await assert.rejects(rig.outer.admin.request('token-reverse', head), { code: 'IPC_VERB' });
  const { body } = await rig.outer.admin.request('policy-show', {});
  assert.equal(body.includes('reverse-tokens'), false);
  assert.equal(
    (await rig.inner.admin.request('policy-show', {})).body.includes('reverse-tokens'),
    true,
  );
});

test('no value of a token lies in the store of the inner node', async () => {
  const { idNumber } = await get(tax);
  const file = homePaths(rig.inner.dir).database;
  const bytes = Buffer.concat([readFileSync(file), readFileSync(`${file}-wal`)]);
  assert.equal(bytes.includes(String(idNumber)), true, 'the token is there');
  assert.equal(bytes.includes(citizen.idNumber), false, 'its value is not');
});

test('an answer that costs the net too much is refused, and the log of the node has its code', async () => {
  const plain = served;
  const refused = async (): Promise<number> =>
    (await rig.inner.events()).filter(
      ({ event, code }) => event === 'refuse' && code === 'RESPONSE_REFUSED',
    ).length;
  const before = await refused();
  served = { ...served, address: { ...served.address, district: '6-2-'.repeat(400_000) } };
  await assert.rejects(get(health), { code: 'RESPONSE_REFUSED' });
  await until(async () => (await refused()) === before + 1);
  served = plain;
  assert.ok(await get(health));
});

test('what the net finds is masked, or refused, and its owner is told', async () => {
  served = { ...served, address: { ...served.address, district: '13800138000' } };
  const detected = async (): Promise<unknown[]> =>
    (await rig.inner.events()).filter(({ event }) => event === 'detect').map(({ rules }) => rules);
  const ofHealth = (await get(health)) as unknown as { address?: { district: string } };
  assert.equal(ofHealth.address?.district, '***');
  await until(async () => (await detected()).length === 1);
  await apply('block');
  await assert.rejects(get(health), { code: 'RESPONSE_REFUSED' });
  await until(async () => (await detected()).length === 2);
  assert.deepEqual(await detected(), [
    { 'detect mobile $.address.district': 1 },
    { 'detect mobile $.address.district': 1 },
  ]);
});
