/** Keys from issue to revocation, with a node that is played here. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { putInForce } from '@sallyport/cli/credentials.ts';
import { makeHome } from '@sallyport/cli/init-home.ts';
import {
  issueConsumerKey,
  readCredentials,
  revokeConsumerKey,
  rotateConsumerKey,
} from '@sallyport/inner-node/policy/credentials.ts';
import { controlSocket } from '@sallyport/shared/config/home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { decodeCredentials } from '@sallyport/shared/policy/bundle.ts';
import { listen } from '@sallyport/shared/processes/ipc/socket.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const dir = join(temporaryFolder(), 'inner');
const nowMs = Date.now();

before(async () => {
  await makeHome(dir, {
    role: 'inner',
    node: 'inner-1',
    edge: undefined,
    management: { host: '127.0.0.1', port: 9600 },
    send: { kind: 'link', host: '127.0.0.1', port: 9701 },
    receive: { kind: 'link', host: '127.0.0.1', port: 9702 },
    hsm: { kind: 'soft', file: 'keys/soft.keystore', pinFile: 'keys/pin' },
  });
});

/** A node whose peer obeys `peerVersion`. */
const play = (peerVersion: () => number, applied: Buffer[] = []) =>
  listen(controlSocket(dir), {
    'credentials-apply': (_head, body) => {
      applied.push(Buffer.from(body));
      return { head: { version: 8, applied: true } };
    },
    status: () => ({
      head: {
        peer: { node: 'outer-1' },
        processes: [
          { name: 'guard', told: { policy: { version: 8, peerVersion: peerVersion() } } },
        ],
      },
    }),
  });

test('rotation keeps two keys live, and ends the old one after its grace', async () => {
  const first = await issueConsumerKey(dir, { consumer: 'tax-bureau', nowMs });
  const rotated = await rotateConsumerKey(dir, { id: first.record.id, nowMs, graceMs: 60_000 });
  assert.notEqual(rotated?.key, first.key);
  const { keys } = await readCredentials(dir);
  assert.deepEqual(
    keys.map(({ id, consumer, expiresAtMs }) => [id, consumer, expiresAtMs]),
    [
      [first.record.id, 'tax-bureau', nowMs + 60_000],
      [rotated?.record.id, 'tax-bureau', undefined],
    ],
  );
});

test('a grace does not make the life of a key longer', async () => {
  const expiresAtMs = nowMs + 1000;
  const order = { consumer: 'tax-bureau', nowMs, expiresAtMs };
  const { id } = (await issueConsumerKey(dir, order)).record;
  const rotated = await rotateConsumerKey(dir, { id, nowMs, graceMs: 60_000 });
  assert.equal(rotated?.old.expiresAtMs, expiresAtMs);
});

test('a key that is not there cannot be rotated or revoked', async () => {
  assert.equal(await rotateConsumerKey(dir, { id: 'none', nowMs, graceMs: 1 }), undefined);
  assert.equal(await revokeConsumerKey(dir, 'none'), false);
});

test('the node gets all keys that are left, and the wait ends when its peer obeys', async () => {
  const { id } = (await issueConsumerKey(dir, { consumer: 'tax-bureau', nowMs })).record;
  assert.equal(await revokeConsumerKey(dir, id), true);
  let asked = 0;
  const applied: Buffer[] = [];
  const node = await play(() => {
    asked += 1;
    return asked < 3 ? 7 : 8;
  }, applied);
  await putInForce(dir);
  await node.close();
  assert.equal(asked, 3);
  assert.deepEqual(decodeCredentials(applied[0] ?? Buffer.alloc(0)), await readCredentials(dir));
});

test('a peer that goes on with the old version is told of (POLICY_UNCONFIRMED)', async () => {
  const node = await play(() => 7);
  await assert.rejects(putInForce(dir, 150), {
    code: 'POLICY_UNCONFIRMED',
    message: 'expected outer-1 to obey version 8, it obeys version 7',
  });
  await node.close();
});

test('without a node, or without a policy, the keys wait for the next apply', async () => {
  await putInForce(dir);
  const node = await listen(controlSocket(dir), {
    'credentials-apply': () => {
      throw new SallyportError('POLICY_MISSING', 'no policy has been applied');
    },
  });
  await putInForce(dir);
  await node.close();
});
