/** Channels as they are: ferries that reorder, repeat and lose; cables that are pulled or go silent. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { until } from '../until.ts';
import { type Cable, layCable } from './cable.ts';
import { type Ferry, startFerry } from './ferry.ts';
import { type Caller, createCaller, type Reply } from './load.ts';
import {
  editConfig,
  isSettled,
  makeDirectory,
  sleep,
  startWorld,
  untilReady,
  type World,
} from './world.ts';

const seed = 20261123;
let made = 0;

/** A read, or a change that is like no other. */
function callOf(
  caller: Caller,
  kind: 'read' | 'change',
): { street: string; reply: Promise<Reply> } {
  const street = `channel-${made++}`;
  const body = { province: '示例省', city: '示例市', district: '示例区', street };
  const reply =
    kind === 'read'
      ? caller.call('GET', '/citizens/c-000001')
      : caller.call('POST', '/citizens/c-000002/address-changes', { body });
  return { street, reply };
}

/** Makes calls a few ms apart, so that they leave in several packages; asserts that each was answered. */
async function callMany(world: World, caller: Caller, count: number): Promise<number> {
  const startedMs = Date.now();
  const calls = [];
  for (let index = 0; index < count; index += 1) {
    calls.push(callOf(caller, index % 3 === 0 ? 'change' : 'read'));
    await sleep(40);
  }
  for (const [index, { street, reply }] of calls.entries()) {
    const { status, body } = await follow(caller, await reply);
    assert.equal(status, index % 3 === 0 ? 201 : 200, JSON.stringify(body));
    if (index % 3 === 0) assert.equal(world.changes.get(street), 1, 'done once');
  }
  return Date.now() - startedMs;
}

/** A slow ferry may take longer than a call waits: then its answer is fetched. */
async function follow(caller: Caller, reply: Reply): Promise<Reply> {
  let last = reply;
  while (last.status === 202) {
    await sleep(150);
    last = await caller.call('GET', String(reply.headers.location));
  }
  return last;
}

/** Stops both nodes, changes their configs, starts them again. */
async function rewire(
  world: World,
  change: (role: 'outer' | 'inner', config: string) => string,
): Promise<void> {
  await Promise.all([world.stop('outer'), world.stop('inner')]);
  for (const role of ['outer', 'inner'] as const) {
    editConfig(world.pair[role], (text) => change(role, text));
    world.start(role);
  }
}

describe('a directory channel with an ugly ferry', () => {
  let world: World;
  let caller: Caller;
  let imports: Ferry;
  let exports: Ferry;

  before(async () => {
    world = await startWorld({ channel: 'directory' });
    caller = createCaller(world);
    const folder = (name: string): string => makeDirectory(world.dir, 'ferry', name);
    const [dropIn, dropOut] = [folder('import-drop'), folder('export-drop')];
    const at = (name: string): string => join(world.dir, 'ferry', name);
    imports = startFerry({
      ...{ from: dropIn, to: at('import'), seed, convention: 'rename', twice: 0.3 },
    });
    exports = startFerry({
      ...{ from: dropOut, to: at('export'), seed: seed + 1, convention: 'marker', twice: 0.3 },
    });
    await rewire(world, (role, text) =>
      role === 'outer'
        ? text
            .replace(`dir: ${at('import')} `, `dir: ${dropIn} `)
            .replace(`dir: ${at('export')} `, `dir: ${at('export')}, convention: marker `)
        : text.replace(`dir: ${at('export')} `, `dir: ${dropOut} `),
    );
    await untilReady(world.pair.outer);
    await untilReady(world.pair.inner);
  });
  after(async () => {
    caller?.close();
    await imports?.stop();
    await exports?.stop();
    await world?.close();
  });

  test('packages that come in any order, slowly and some twice are each taken once', async (t) => {
    const tookMs = await callMany(world, caller, 45);
    const ferries = [imports, exports];
    t.diagnostic(`45 calls in ${tookMs} ms; ${ferries.map((one) => one.carried)} files carried`);
    assert.ok(
      ferries.every(({ carriedTwice }) => carriedTwice > 0),
      'some came twice',
    );
    assert.ok(
      ferries.every(({ overtakings }) => overtakings > 0),
      'some overtook others',
    );
    await until(() => isSettled(world.pair));
  });

  test('a file that the ferry loses is asked for as soon as later ones come', async (t) => {
    for (const ferry of [imports, exports]) {
      ferry.loseNext(1);
      const startedMs = Date.now();
      const first = callOf(caller, 'read');
      await until(() => ferry.lost === 1);
      await callMany(world, caller, 6);
      assert.equal((await follow(caller, await first.reply)).status, 200);
      const tookMs = Date.now() - startedMs;
      t.diagnostic(`answered ${tookMs} ms after its package or its answer was lost`);
      assert.ok(tookMs < 25_000, 'not the resend after 30 s, the gap brought it');
    }
    await until(() => isSettled(world.pair));
  });
});

describe('a link over a cable', () => {
  let world: World;
  let caller: Caller;
  const cables: Cable[] = [];

  before(async () => {
    world = await startWorld();
    caller = createCaller(world);
    const cableOf = new Map<string, Cable>();
    for (const role of ['outer', 'inner'] as const) {
      const { send } = readHome(world.pair[role]).config.channel;
      const cable = await layCable(send.kind === 'link' ? send.port : 0);
      cables.push(cable);
      cableOf.set(role, cable);
    }
    await rewire(world, (role, text) =>
      text.replace(/(send: .*port: )\d+/, `$1${cableOf.get(role)?.port}`),
    );
    await untilReady(world.pair.outer);
    await untilReady(world.pair.inner);
  });
  after(async () => {
    caller?.close();
    await world?.close();
    for (const cable of cables) await cable.close();
  });

  for (const [what, [cut, mend]] of Object.entries({
    pulled: ['pull', 'plug'],
    silent: ['silence', 'resume'],
  } as const)) {
    test(`calls made while a cable is ${what} are answered when it is back`, async (t) => {
      for (const [index, cable] of cables.entries()) {
        const way = index === 0 ? 'import' : 'export';
        const before = callMany(world, caller, 12);
        await sleep(200);
        cable[cut]();
        const during = callMany(world, caller, 12);
        await sleep(3_000);
        const mendedMs = Date.now();
        cable[mend]();
        await Promise.all([before, during]);
        t.diagnostic(`${way}: all answered ${Date.now() - mendedMs} ms after it was back`);
        assert.equal((await callOf(caller, 'read').reply).status, 200);
      }
      await until(() => isSettled(world.pair));
    });
  }
});
