/** What can be wrong when a node starts, or goes wrong around it: said with a code, and healed by itself. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { softHsmMissing } from '../hsm/softhsm.ts';
import { until } from '../until.ts';
import { type Caller, createCaller, type Reply } from './load.ts';
import {
  editConfig,
  keepConfig,
  processesOf,
  run,
  startWorld,
  statusOf,
  untilReady,
  type World,
} from './world.ts';

const skip = softHsmMissing;
let world: World;
let caller: Caller;
let outer: string;
let inner: string;

before(async () => {
  if (skip !== false) return;
  world = await startWorld({ hsm: 'softhsm' });
  caller = createCaller(world);
  ({ outer, inner } = world.pair);
});
after(async () => {
  caller?.close();
  await world?.close();
});

/** A read, as soon as somebody listens. */
async function get(): Promise<Reply> {
  let reply: Reply | undefined;
  await until(async () => {
    reply = await caller.call('GET', '/citizens/c-000001').catch(() => undefined);
    return reply !== undefined;
  });
  return reply ?? assert.fail('expected an answer');
}

/** The status of /readyz, and its checks that do not hold. */
async function readyz(home: string): Promise<{ status: number; missing: string[] }> {
  const [url] = home === outer ? world.pair.managementUrls : world.pair.managementUrls.slice(1);
  const response = await fetch(`${url}/readyz`);
  const { checks } = (await response.json()) as { checks: Record<string, boolean> };
  const missing = Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]));
  return { status: response.status, missing };
}

test('a second start in the same directory is refused and harms nothing', { skip }, async () => {
  const second = run(outer);
  assert.equal(await second.ended, 1);
  assert.match(second.said(), /\[HOME_IN_USE\]/);
  assert.match(second.said(), /hint: .*sallyport status/);
  assert.equal((await get()).status, 200);
});

test('a token that goes away and comes back needs no restart', { skip }, async () => {
  const tokens = join(world.dir, 'softhsm');
  const pidsOf = (home: string) => Object.values(processesOf(home).processes).map(({ pid }) => pid);
  const before = [...pidsOf(outer), ...pidsOf(inner)];
  renameSync(tokens, `${tokens}.away`);
  for (const home of [outer, inner]) {
    await until(async () => (await readyz(home)).status === 503);
    assert.deepEqual((await readyz(home)).missing, ['signer']);
  }
  const { status, body } = await get();
  assert.equal(status, 503);
  assert.equal(body.code, 'HSM_LOST');
  assert.equal(body.title, 'the key store is not available');
  renameSync(`${tokens}.away`, tokens);
  await untilReady(outer);
  await untilReady(inner);
  assert.equal((await get()).status, 200);
  assert.deepEqual([...pidsOf(outer), ...pidsOf(inner)], before, 'nothing was restarted');
});

test('without its token a node starts, says no, and serves when the token comes', {
  skip,
}, async () => {
  const tokens = join(world.dir, 'softhsm');
  await world.stop('outer');
  renameSync(tokens, `${tokens}.away`);
  const started = world.start('outer');
  await until(async () => (await readyz(outer).catch(() => undefined))?.status === 503);
  await until(async () => (await get()).body.code === 'HSM_LOST');
  renameSync(`${tokens}.away`, tokens);
  await untilReady(outer);
  assert.equal((await get()).status, 200);
  assert.equal(started.child.exitCode, null);
});

test('a wrong PIN is shown as such, and never itself', { skip }, async () => {
  const pinFile = join(world.dir, 'outer.pin');
  const pin = readFileSync(pinFile, 'utf8');
  await world.stop('outer');
  writeFileSync(pinFile, 'a-wrong-pin', { mode: 0o600 });
  const { said } = world.start('outer');
  try {
    await until(async () => (await toldBySigner())?.lastError === 'HSM_PIN');
    assert.match(
      said(),
      /^sallyport: signer: C_Login failed: .*\[HSM_PIN\]; trying again\nhint: /m,
    );
    assert.match(
      readFileSync(join(outer, 'log/signer.log'), 'utf8'),
      /"HSM_PIN".*key store not open/,
    );
    assert.equal((await readyz(outer)).status, 503);
    const { status, body } = await get();
    assert.equal(status, 503);
    assert.equal(body.title, 'the key store is not available');
    assert.equal(JSON.stringify(await statusOf(outer)).includes('a-wrong-pin'), false);
    assert.equal(said().includes('a-wrong-pin'), false);
  } finally {
    await world.stop('outer');
    writeFileSync(pinFile, pin, { mode: 0o600 });
  }
  world.start('outer');
  await untilReady(outer);
  assert.equal((await get()).status, 200);
});

async function toldBySigner(): Promise<Readonly<Record<string, unknown>> | undefined> {
  const status = await statusOf(outer).catch(() => undefined);
  return status?.processes.find(({ name }) => name === 'signer')?.told;
}

test('a taken address is named with what to do, and taken when it is free', { skip }, async () => {
  const { edge, management, channel } = readHome(outer).config;
  const link = channel.receive.kind === 'link' ? channel.receive.port : 0;
  await world.stop('outer');
  const takers = new Map(
    await Promise.all(
      [edge.listen?.port ?? 0, management.port, link].map(async (port) => {
        const taker = createServer((socket) => socket.destroy());
        await new Promise<void>((resolve) => taker.listen(port, '127.0.0.1', resolve));
        return [port, () => new Promise((done) => taker.close(done))] as const;
      }),
    ),
  );
  const { said } = world.start('outer');
  const [edgePort, managementPort] = takers.keys();
  const times = (what: RegExp): number => [...said().matchAll(what)].length;
  const hint = /^hint: stop what listens there/gm;
  await until(() => times(/\[ADDRESS_IN_USE\]/g) >= 3 && times(hint) >= 2);
  for (const [name, port] of [
    ['edge', edgePort],
    ['admin', managementPort],
    ['mover', link],
  ]) {
    const line = said()
      .split('\n')
      .find((one) => one.includes(`${name}:`) && one.includes('[ADDRESS_IN_USE]'));
    assert.match(
      line ?? '',
      new RegExp(`:${port}[ ,]`),
      `${name} and its port ${port} in: ${said()}`,
    );
  }
  assert.equal(times(hint), 2);
  await takers.get(managementPort ?? 0)?.();
  await until(async () => (await statusOf(outer).catch(() => undefined)) !== undefined);
  const { processes, ready } = await statusOf(outer);
  assert.equal(ready.edge, false);
  assert.equal(ready.channel, false);
  const mover = processes.find(({ name }) => name === 'mover')?.told as { in: { detail: string } };
  assert.match(mover.in.detail, new RegExp(`:${link}, got EADDRINUSE`));
  assert.equal((await readyz(outer)).status, 503);
  await takers.get(edgePort ?? 0)?.();
  await takers.get(link)?.();
  await untilReady(outer);
  assert.equal((await get()).status, 200);
});

test('a TLS file that is missing is named, and stops the node', { skip }, async () => {
  await world.stop('outer');
  const key = readHome(outer).paths.tlsKey('edge');
  renameSync(key, `${key}.away`);
  const { ended, said } = run(outer);
  assert.equal(await ended, 1);
  assert.match(
    said(),
    /edge: expected a readable file \S*tls\/edge\.key, got ENOENT \[CONFIG_INVALID\]\n/,
  );
  renameSync(`${key}.away`, key);
});

test('a list of keys that is damaged is told with its faults, and stops the node', {
  skip,
}, async () => {
  const file = readHome(outer).paths.keyspec;
  const kept = readFileSync(file);
  for (const text of ['{', '{"node":"outer-1"}']) {
    writeFileSync(file, text);
    const { ended, said } = run(outer);
    assert.equal(await ended, 1);
    assert.match(said(), /\[KEYSPEC_INVALID\]/);
  }
  writeFileSync(file, kept);
});

test('a policy that is in force is not applied again', { skip }, async () => {
  const policy = join(world.dir, 'policy');
  const said = await world.pair.sallyport('policy', 'apply', policy, '--dir', inner);
  assert.match(said, /^nothing to apply, version \d+ is in force\n$/);
});

test('every fault of a config is told with its line, and nothing starts', { skip }, async () => {
  await world.stop('outer');
  const putBack = keepConfig(outer);
  editConfig(outer, (text) =>
    text
      .replace(/port: (\d+) \}\n {2}tls/, 'port: 70000 }\n  tls')
      .replace('role: outer', 'role: sideways')
      .concat('colour: red\n'),
  );
  const lines = readFileSync(join(outer, 'config.yaml'), 'utf8').split('\n');
  const lineOf = (part: string): number => lines.findIndex((line) => line.includes(part)) + 1;
  const { ended, said } = run(outer);
  assert.equal(await ended, 1);
  for (const part of ['role: sideways', 'port: 70000', 'colour: red']) {
    assert.match(said(), new RegExp(`config\\.yaml:${lineOf(part)}: `), part);
  }
  assert.match(said(), /\[CONFIG_INVALID\]/);
  putBack();
});

test('without a peer nothing starts', { skip }, async () => {
  const trust = join(outer, 'peer.trust');
  renameSync(trust, `${trust}.away`);
  const { ended, said } = run(outer);
  assert.equal(await ended, 1);
  assert.match(said(), /\[PEER_MISSING\]/);
  assert.match(said(), /hint: .*pair/);
  renameSync(`${trust}.away`, trust);
  world.start('outer');
  await untilReady(outer);
  assert.equal((await get()).status, 200);
});
