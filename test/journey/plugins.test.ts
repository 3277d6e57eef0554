/**
 * Calls that wait for plug-ins: restarts, repetitions and answers that are none, with the process played
 * by the test.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Json } from '@sallyport/shared/plugins/api.ts';
import type { WireAsk } from '@sallyport/shared/plugins/ask.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import type { Handlers } from '@sallyport/shared/processes/ipc/peer.ts';
import { calm, type Digests, writePolicy } from '../plugins/vehicles.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { callHead, type Rig, startRig } from './rig.ts';

/** What a sound plug-in of each kind says. */
const sound = (verb: WireAsk['verb'], item: Json): Json => {
  const says: Record<WireAsk['verb'], Json> = {
    ...{ transform: '110***', masked: item === '110***', detector: [] },
    ...{ condition: true, check: 'ok', authenticator: null },
  };
  return says[verb];
};

/** The process of one side: how it answers, and which questions wait for a let-go. */
interface Played {
  answer: (asks: readonly WireAsk[]) => unknown;
  holds: (ask: WireAsk) => boolean;
  readonly waiting: (() => void)[];
}
const honest: Played['answer'] = (asks) =>
  asks.map(({ verb, items }) => ({ gives: items.map((item) => sound(verb, item)) }));
const played: Record<Role, Played> = {
  outer: { answer: honest, holds: () => false, waiting: [] },
  inner: { answer: honest, holds: () => false, waiting: [] },
};
const handlersOf = (one: Played): Handlers => ({
  async ask(_, body) {
    const asks = JSON.parse(body.toString()) as WireAsk[];
    if (asks.some((ask) => one.holds(ask))) {
      await new Promise<void>((resolve) => one.waiting.push(resolve));
    }
    const answer = one.answer(asks);
    return {
      body: typeof answer === 'string' ? Buffer.from(answer) : Buffer.from(JSON.stringify(answer)),
    };
  },
});
const letGo = (role: Role): void => {
  played[role].holds = () => false;
  for (const go of played[role].waiting.splice(0)) go();
};

const reached: string[] = [];
let rig: Rig;
let key: string;
before(async () => {
  rig = await startRig({
    seed: 11,
    plugins: { outer: handlersOf(played.outer), inner: handlersOf(played.inner) },
    async upstream({ id, method }) {
      reached.push(id);
      return method === 'POST'
        ? { status: 201, body: { word: 'done' } }
        : { status: 200, body: calm };
    },
  });
  key = await rig.issueKey('tax');
  const digests = new Proxy({} as Digests, { get: () => 'a'.repeat(64) });
  await rig.applyPolicy(writePolicy(join(temporaryFolder(), 'policy'), digests));
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: object | null }).policy !== null;
  });
});
after(() => rig?.close());
beforeEach(() => {
  for (const one of Object.values(played)) one.answer = honest;
});

const get = (more: object = {}) =>
  rig.outer.edge.request('call', callHead(key, 'GET', '/vehicles/v-1', more), undefined, 60_000);
const report = (more: object = {}) => {
  const { idNumber, birthDate } = calm.owner;
  const head = callHead(key, 'POST', '/reports', {
    headers: { 'content-type': 'application/json' },
    ...more,
  });
  const body = Buffer.from(JSON.stringify({ idNumber, birthDate }));
  return rig.outer.edge.request('call', head, body, 60_000);
};
const bodyOf = ({ body }: { body: Buffer }): Record<string, unknown> => JSON.parse(body.toString());

test('an outer guard that restarts while it asks for a release goes on with it', async () => {
  played.outer.holds = ({ verb }) => verb === 'masked';
  const call = callHead(key, 'GET', '/vehicles/v-1');
  const cut = rig.outer.edge.request('call', call, undefined, 60_000).catch(() => undefined);
  await until(() => played.outer.waiting.length > 0);
  await rig.outer.restartGuard();
  await cut;
  letGo('outer');
  const again = await rig.outer.edge.request('call', { ...call, again: true }, undefined, 60_000);
  assert.deepEqual(bodyOf(again), { ...calm, postcode: '110***' });
  assert.equal(reached.filter((id) => id === call.id).length, 1);
  const released = (await rig.outer.events()).filter(
    ({ event, exchangeId }) => event === 'release' && exchangeId === call.id,
  );
  assert.equal(released.length, 1);
});

test('an inner guard that restarts before it calls asks again, or is in doubt', async () => {
  played.inner.holds = ({ verb, items }) => verb === 'condition' && items.length > 0;
  const waiting = get();
  await until(() => played.inner.waiting.length > 0);
  await rig.inner.restartGuard();
  letGo('inner');
  assert.deepEqual(bodyOf(await waiting), { ...calm, postcode: '110***' });

  played.inner.holds = ({ verb, items }) => verb === 'check' && items.length > 0;
  const before = reached.length;
  const doubtful = report();
  await until(() => played.inner.waiting.length > 0);
  await rig.inner.restartGuard();
  letGo('inner');
  await assert.rejects(doubtful, { code: 'IN_DOUBT' });
  assert.equal(reached.length, before);
});

test('two calls under one Idempotency-Key that wait for the same check are one exchange', async () => {
  played.outer.holds = ({ verb }) => verb === 'check';
  const before = reached.length;
  const idempotencyKey = 'one-and-the-same';
  const both = [report({ idempotencyKey }), report({ idempotencyKey })];
  await until(() => played.outer.waiting.length === 2);
  letGo('outer');
  const [one, other] = await Promise.all(both);
  assert.deepEqual(one?.body, other?.body);
  assert.equal(reached.length, before + 1);
});

const lies: Readonly<Record<string, [Role, (asks: readonly WireAsk[]) => unknown, string]>> = {
  'no JSON': ['outer', () => '{', 'PLUGIN_ANSWER'],
  'fewer answers': ['outer', () => [], 'PLUGIN_ANSWER'],
  'fewer values': ['outer', (asks) => asks.map(() => ({ gives: [] })), 'PLUGIN_ANSWER'],
  'another type': ['outer', (asks) => asks.map(() => ({ gives: ['yes'] })), 'PLUGIN_ANSWER'],
  'a code that is not its own': [
    'outer',
    (asks) => asks.map(() => ({ code: 'NOT_CONFINED', message: 'told-by-a-liar' })),
    'PLUGIN_FAILED',
  ],
};
for (const [name, [role, answer, code]] of Object.entries(lies)) {
  test(`a process that answers with ${name} is no pass: ${code}`, async () => {
    played[role].answer = answer;
    await assert.rejects(get(), (thrown: Error) => {
      assert.equal(Reflect.get(thrown, 'code'), code);
      assert.doesNotMatch(thrown.message, /told-by-a-liar/);
      return true;
    });
  });
}

test('a transform that gives what it would not know on the far side is not released', async () => {
  played.outer.answer = (asks) =>
    asks.map(({ verb, items }) => ({
      gives: items.map((item) => (verb === 'masked' ? false : sound(verb, item))),
    }));
  const { head } = await get().catch((thrown) => ({ head: { code: thrown.code } }));
  assert.equal((head as { code: string }).code, 'RESPONSE_REFUSED');
});

test('what a check of an answer refuses stays inside', async () => {
  played.inner.answer = (asks) =>
    asks.map(({ verb, items }) => ({
      gives: items.map((item) => (verb === 'check' ? 'some-rule' : sound(verb, item))),
    }));
  const { head } = await get().catch((thrown) => ({ head: { code: thrown.code } }));
  assert.equal((head as { code: string }).code, 'RESPONSE_REFUSED');
});
