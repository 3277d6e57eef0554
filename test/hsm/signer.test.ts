/** The signer process: strict requests, real health, and healing without help. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createECDH, createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openHsm } from '@sallyport/hsm/open.ts';
import { createPinFile } from '@sallyport/hsm/pin.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import type { Hsm, KeyName } from '@sallyport/shared/ports.ts';
import type { TellTrouble } from '@sallyport/shared/processes/child.ts';
import type { IpcPeer } from '@sallyport/shared/processes/ipc/peer.ts';
import type { IpcLink } from '@sallyport/shared/processes/ipc/wire.ts';
import { createSigner } from '@sallyport/shared/processes/signer/client.ts';
import { runSigner, type SignerHealth } from '@sallyport/shared/processes/signer/signer.ts';
import { handOverTo } from '@sallyport/shared/processes/supervise-child.ts';
import { isSignedBy } from '../contract/hsm.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until as untilTrue } from '../until.ts';
import { type Board, openBoard } from '../wires.ts';
import { createSoftHsm, softHsmMissing } from './softhsm.ts';

const labels: Record<KeyName, string> = {
  ca: 'ca',
  sign: 'sign',
  audit: 'audit',
  decrypt: 'decrypt',
};
const directory = temporaryFolder();
const pinFile = join(directory, 'pin');
const soft = { kind: 'soft', file: join(directory, 'keystore'), pinFile } as const;
const message = Buffer.from('a manifest');
const digest = createHash('sha256').update(message).digest();

async function makeKeys(hsm: Hsm): Promise<void> {
  for (const label of Object.values(labels)) {
    await hsm.generateKeyPair(label, label === 'decrypt' ? 'derive' : 'sign');
  }
}

before(async () => {
  createPinFile(pinFile);
  await createSoftKeystore(soft);
  const hsm = await openHsm(soft);
  await makeKeys(hsm);
  await hsm.close();
});

interface LogLine {
  readonly level: 'info' | 'warn';
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A running signer with a client, and what it logged. */
async function start(open: () => Promise<Hsm>) {
  const board = openBoard();
  const { wires, leave } = board.join('signer');
  const logged: LogLine[] = [];
  const write = (level: LogLine['level']) => (fields: unknown, text?: string) => {
    logged.push({ level, message: text ?? '', fields: fields as Record<string, unknown> });
  };
  const log = { info: write('info'), warn: write('warn') };
  const troubles: (ErrorCode | undefined)[] = [];
  const tellTrouble: TellTrouble = (trouble) => troubles.push(trouble?.code);
  const ends = { guard: wires('guard'), admin: wires('admin') };
  const running = await runSigner({ ...ends, open, labels, log, tellTrouble });
  const { guard, admin } = await neighboursOn(board);
  const close = async () => {
    leave();
    for (const link of [guard, admin]) link.close();
    await running.close();
  };
  return { guard, admin, signer: createSigner(guard), logged, troubles, close };
}

async function health(peer: IpcPeer, verb = 'health'): Promise<SignerHealth> {
  return (await peer.request(verb)).head as SignerHealth;
}

/** Those who have a wire to the signer. */
async function neighboursOn(board: Board): Promise<{ guard: IpcLink; admin: IpcLink }> {
  const guard = board.join('guard').wires('signer')();
  const admin = board.join('admin').wires('signer')();
  await untilTrue(() => guard.connected && admin.connected);
  return { guard, admin };
}

/** Waits until the signer says by itself (without being made to sign) that it is well, or why not. */
async function until(peer: IpcPeer, wanted: 'ok' | ErrorCode): Promise<SignerHealth> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 20) {
    const state = await health(peer, 'status');
    if (wanted === 'ok' ? state.ok : !state.ok && state.lastError === wanted) return state;
    await sleep(20);
  }
  throw new Error(`expected ${wanted} in 60 s`);
}

describe('a signer on a good key store', () => {
  let running: Awaited<ReturnType<typeof start>>;
  before(async () => {
    running = await start(() => openHsm(soft));
    await until(running.admin, 'ok');
  });
  after(() => running.close());

  test('signs with the sign and the audit key, and derives with the decrypt key', async () => {
    const hsm = await openHsm(soft);
    for (const key of ['sign', 'audit'] as const) {
      const signature = await running.signer.sign(key, digest);
      assert.ok(isSignedBy(await hsm.publicKey(labels[key]), message, signature));
    }
    const sender = createECDH('prime256v1');
    const secret = await running.signer.derive('decrypt', sender.generateKeys());
    assert.deepEqual(secret, sender.computeSecret(await hsm.publicKey('decrypt')));
    await hsm.close();
  });

  test('answers each of many requests at once with its own signature', async () => {
    const hsm = await openHsm(soft);
    const point = await hsm.publicKey('sign');
    const messages = Array.from({ length: 100 }, (_, index) => Buffer.from(`message ${index}`));
    await Promise.all(
      messages.map(async (one) => {
        const own = createHash('sha256').update(one).digest();
        assert.ok(isSignedBy(point, one, await running.signer.sign('sign', own)));
      }),
    );
    await hsm.close();
  });

  test('health really signs, and counts what was done', async () => {
    const first = await health(running.admin);
    await running.signer.sign('sign', digest);
    const second = await health(running.admin);
    assert.equal(second.ok, true);
    assert.equal(second.kind, 'soft');
    assert.match(second.description, /NOT AN HSM/);
    assert.equal(second.signs, first.signs + 1);
    assert.ok((second.tookMs ?? 0) > 0);
    assert.equal(second.opens, 1);
  });

  test('metrics are there for Prometheus', async () => {
    const { head } = await running.admin.request('metrics');
    const metrics = head as { name: string; values: { value: number }[] }[];
    const value = (name: string) => metrics.find((one) => one.name === name)?.values[0]?.value;
    assert.equal(value('sallyport_signer_hsm_up'), 1);
    assert.ok(metrics.some((one) => one.name === 'sallyport_signer_operation_seconds'));
    assert.ok(metrics.some((one) => one.name === 'process_cpu_seconds_total'));
  });

  const point = createECDH('prime256v1').generateKeys();
  const offCurve = Buffer.concat([point.subarray(0, 64), Buffer.of((point[64] ?? 0) ^ 1)]);
  const refusals: [string, string, unknown, Uint8Array, ErrorCode][] = [
    ['the CA key', 'sign', { key: 'ca' }, digest, 'IPC_VERB'],
    ['a signature by the decrypt key', 'sign', { key: 'decrypt' }, digest, 'IPC_VERB'],
    ['a derivation by the sign key', 'derive', { key: 'sign' }, point, 'IPC_VERB'],
    ['a derivation by the audit key', 'derive', { key: 'audit' }, point, 'IPC_VERB'],
    ['an unknown key', 'sign', { key: 'other' }, digest, 'IPC_VERB'],
    ['a name that every object has', 'sign', { key: 'constructor' }, digest, 'IPC_VERB'],
    ['a key that is no text', 'sign', { key: ['sign'] }, digest, 'IPC_VERB'],
    ['a label instead of a key', 'sign', { label: 'sign' }, digest, 'IPC_FRAME'],
    ['a head with more in it', 'sign', { key: 'sign', raw: true }, digest, 'IPC_FRAME'],
    ['no head', 'sign', null, digest, 'IPC_FRAME'],
    ['a list as head', 'sign', ['sign'], digest, 'IPC_FRAME'],
    ['a short digest', 'sign', { key: 'sign' }, digest.subarray(1), 'IPC_FRAME'],
    ['a whole message', 'sign', { key: 'sign' }, Buffer.alloc(1000), 'IPC_FRAME'],
    ['no body', 'sign', { key: 'sign' }, Buffer.alloc(0), 'IPC_FRAME'],
    ['a point off the curve', 'derive', { key: 'decrypt' }, offCurve, 'HSM_KEY'],
    ['a cut point', 'derive', { key: 'decrypt' }, point.subarray(0, 33), 'IPC_FRAME'],
    ['an unknown verb', 'generate', { key: 'sign' }, digest, 'IPC_VERB'],
  ];
  for (const [what, verb, head, body, code] of refusals) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(running.guard.request(verb, head, body), { code });
      assert.equal((await health(running.admin, 'status')).ok, true);
    });
  }
});

describe('a signer without a key store', () => {
  test('listens, fails fast, says so, and heals when the store comes', async () => {
    let isThere = false;
    const running = await start(() =>
      isThere
        ? openHsm(soft)
        : Promise.reject(new SallyportError('HSM_TOKEN', 'expected one token, got 0')),
    );
    await assert.rejects(running.signer.sign('sign', digest), { code: 'HSM_LOST' });
    const ill = await until(running.admin, 'HSM_TOKEN');
    assert.equal((await health(running.admin)).ok, false);
    isThere = true;
    const well = await until(running.admin, 'ok');
    assert.ok(well.sinceMs >= ill.sinceMs);
    assert.equal((await running.signer.sign('sign', digest)).length, 64);
    const said = running.logged.map(({ level, message }) => `${level}: ${message}`);
    assert.deepEqual(said, ['warn: key store not open', 'info: key store open']);
    const err = running.logged[0]?.fields.err;
    assert.ok(err instanceof SallyportError);
    assert.deepEqual([err.code, err.message], ['HSM_TOKEN', 'expected one token, got 0']);
    assert.deepEqual(running.troubles, ['HSM_TOKEN', undefined]);
    await running.close();
  });

  test('is not well while one key is missing', async () => {
    const hsm = await openHsm(soft);
    const partial: Hsm = {
      ...hsm,
      publicKey: (label) =>
        label === 'decrypt'
          ? Promise.reject(new SallyportError('HSM_KEY', 'expected one key, got 0'))
          : hsm.publicKey(label),
    };
    const running = await start(async () => partial);
    await until(running.admin, 'HSM_KEY');
    await assert.rejects(running.signer.sign('sign', digest), { code: 'HSM_LOST' });
    await running.close();
  });

  test('does not spend PIN attempts: a wrong PIN is tried once', async () => {
    let attempts = 0;
    const running = await start(() => {
      attempts += 1;
      return Promise.reject(new SallyportError('HSM_PIN', 'C_Login failed'));
    });
    await sleep(1_000);
    for (let ask = 0; ask < 5; ask += 1) await health(running.admin);
    await assert.rejects(running.signer.sign('sign', digest), { code: 'HSM_LOST' });
    assert.equal(attempts, 1);
    assert.equal((await health(running.admin)).lastError, 'HSM_PIN');
    await running.close();
  });

  test('believes no key store that answers but signs wrongly', async () => {
    const hsm = await openHsm(soft);
    const running = await start(async () => ({ ...hsm, sign: async () => Buffer.alloc(64, 1) }));
    await until(running.admin, 'HSM_LOST');
    await running.close();
  });
});

test('a failed operation is HSM_LOST, and the key store is opened anew by itself', async () => {
  const hsm = await openHsm(soft);
  let isBroken = false;
  const running = await start(async () => ({
    ...hsm,
    derive: (label, point) =>
      isBroken ? Promise.reject(new Error('device removed')) : hsm.derive(label, point),
    reopen: async () => {
      isBroken = false;
    },
  }));
  await until(running.admin, 'ok');
  isBroken = true;
  const point = createECDH('prime256v1').generateKeys();
  await assert.rejects(running.signer.derive('decrypt', point), { code: 'HSM_LOST' });
  assert.equal((await until(running.admin, 'ok')).opens, 2);
  assert.equal((await running.signer.derive('decrypt', point)).length, 32);
  const said = running.logged.map(({ message }) => message);
  assert.deepEqual(said, ['key store open', 'key store lost', 'key store open']);
  assert.deepEqual(running.troubles, [undefined, 'HSM_LOST', undefined]);
  await running.close();
});

test('kill -9 of the signer leaves the soft keystore as it was', async () => {
  const program = join(import.meta.dirname, 'signer-child.ts');
  const keystore = readFileSync(soft.file);
  const child = spawn(process.execPath, [program, soft.file, soft.pinFile], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
  const board = openBoard();
  board.plug('signer', handOverTo(child));
  const { guard, admin } = await neighboursOn(board);
  await until(admin, 'ok');
  const signing = Array.from({ length: 200 }, () => createSigner(guard).sign('sign', digest));
  await signing[0];
  child.kill('SIGKILL');
  const outcomes = await Promise.allSettled(signing);
  for (const one of outcomes) {
    if (one.status === 'rejected') assert.equal(one.reason.code, 'IPC_LOST');
  }
  assert.equal(await ended, 'SIGKILL');
  assert.deepEqual(readFileSync(soft.file), keystore);
  const hsm = await openHsm(soft);
  assert.equal((await hsm.labels()).length, 4);
  await hsm.close();
});

describe('a signer on a PKCS#11 token', { skip: softHsmMissing }, () => {
  async function startOnToken() {
    const token = createSoftHsm();
    const prepared = await openHsm(token.config);
    await makeKeys(prepared);
    await prepared.close();
    return { token, running: await start(() => openHsm(token.config)) };
  }

  test('notices by itself that the token is gone, says so, and heals when it is back', async () => {
    const { token, running } = await startOnToken();
    assert.equal((await until(running.admin, 'ok')).kind, 'pkcs11');

    token.remove();
    await until(running.admin, 'HSM_LOST');
    await assert.rejects(running.signer.sign('sign', digest), { code: 'HSM_LOST' });
    assert.equal((await health(running.admin)).ok, false);

    token.restore();
    await until(running.admin, 'ok');
    assert.equal((await running.signer.sign('audit', digest)).length, 64);
    assert.equal((await health(running.admin)).ok, true);
    await running.close();
  });

  test('answers the request that finds the token gone with HSM_LOST', async () => {
    const { token, running } = await startOnToken();
    await until(running.admin, 'ok');
    token.remove();
    await assert.rejects(running.signer.sign('sign', digest), { code: 'HSM_LOST' });
    assert.equal((await health(running.admin, 'status')).ok, false);
    writeFileSync(token.config.pinFile, 'wrong-pin\n', { mode: 0o600 });
    token.restore();
    await until(running.admin, 'HSM_PIN');
    await running.close();
  });
});
