/** A soft keystore that cannot be opened: what its operator is told, end to end. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { until } from '../until.ts';
import { type Caller, createCaller } from './load.ts';
import { pidOf, type Started, startWorld, statusOf, untilReady, type World } from './world.ts';

let world: World;
let caller: Caller;
let outer: string;
let pin: string;
let started: Started;

before(async () => {
  world = await startWorld();
  caller = createCaller(world);
  outer = world.pair.outer;
  pin = readFileSync(join(outer, 'keys/pin'), 'utf8').trim();
  await world.stop('outer');
  started = world.start('outer');
  await untilReady(outer);
});
after(async () => {
  caller?.close();
  await world?.close();
});

/** What is done to a file of the home → the code, and what `sallyport run` says with it. */
const harms = {
  'a wrong PIN': {
    file: 'keys/pin',
    change: () => Buffer.from('another-pin'),
    code: 'HSM_PIN',
    says: 'the PIN does not open the keystore',
    hint: 'check the PIN file',
  },
  'a keystore with a flipped bit': {
    file: 'keys/soft.keystore',
    change: flipped,
    code: 'KEYSTORE_DAMAGED',
    says: 'expected an intact keystore file, got other bytes',
    hint: 'restore the file from a backup',
  },
  'no keystore': {
    file: 'keys/soft.keystore',
    change: () => undefined,
    code: 'HSM_TOKEN',
    says: '.*soft\\.keystore.*',
    hint: '',
  },
  'no PIN file': {
    file: 'keys/pin',
    change: () => undefined,
    code: 'HSM_PIN_FILE',
    says: '.*keys/pin.*',
    hint: '',
  },
};

for (const [what, { file, change, code, says, hint }] of Object.entries(harms)) {
  test(`${what}: ${code}, told once, and no secret with it`, async () => {
    const line = `^sallyport: signer: ${says} \\[${code}\\]; trying again$`;
    const said = new RegExp(hint === '' ? line : `${line}\nhint: ${hint}`, 'm');
    const path = join(outer, file);
    const good = readFileSync(path);
    const from = started.said().length;
    const fresh = () => started.said().slice(from);
    const bad = change(good);
    if (bad) writeFileSync(path, bad, { mode: 0o600 });
    else renameSync(path, `${path}.away`);
    killSigner();
    await until(() => said.test(fresh()));
    const { ready, processes } = await shown();
    assert.equal(ready.signer, false);
    const signer = processes.find(({ name }) => name === 'signer')?.told;
    assert.equal(signer?.lastError, code);
    const { status, headers, body } = await caller.call('GET', '/citizens/c-000001');
    assert.deepEqual([status, body.title], [503, 'the key store is not available']);
    assert.match(String(headers['retry-after']), /^[1-9]\d*$/);
    const log = readFileSync(homePaths(outer).log('signer'), 'utf8');
    for (const text of [fresh(), log, JSON.stringify(body)]) {
      for (const secret of [pin, 'another-pin']) assert.equal(text.includes(secret), false);
    }
    assert.equal(fresh().match(new RegExp(code, 'g'))?.length, 1, fresh());
    if (bad) writeFileSync(path, good, { mode: 0o600 });
    else renameSync(`${path}.away`, path);
    // A wrong PIN is tried again seldom, for tokens lock.
    if (code === 'HSM_PIN') killSigner();
    await untilReady(outer);
    await until(() => /^sallyport: signer: well again$/m.test(fresh()));
    assert.equal((await caller.call('GET', '/citizens/c-000001')).status, 200);
  });
}

/** The keys of a soft keystore are in memory: only a signer that starts reads the file. */
function killSigner(): void {
  process.kill(pidOf(outer, 'signer'), 'SIGKILL');
}

async function shown() {
  let status: Awaited<ReturnType<typeof statusOf>> | undefined;
  await until(async () => {
    status = await statusOf(outer).catch(() => undefined);
    return status?.processes.some(({ name, told }) => name === 'signer' && told) === true;
  });
  return status ?? assert.fail('expected a status');
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy.writeUInt8(copy.readUInt8(middle) ^ 1, middle);
  return copy;
}
