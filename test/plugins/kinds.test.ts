/** Every kind: what it may give, what the examples of this repository do, and that examples are held to. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import type { Json } from '@sallyport/shared/plugins/api.ts';
import type { PluginKind, PluginUse } from '@sallyport/shared/plugins/ask.ts';
import type { Listed } from '@sallyport/shared/plugins/host.ts';
import { type SpawnedPlugins, spawnPlugins } from '@sallyport/shared/processes/plugins/spawn.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { makeFolder } from './vehicles.ts';

/** Gives what the item says, as JSON. */
const echo = (kind: PluginKind, name: string, parameter: string, item: string, more = '') => `
export default {
  kind: '${kind}', name: 'echo-${kind}', version: '1.0.0',
  ${name}(${parameter}) { return ${item}; },
  examples: [${more}],
};`;
const call =
  '{ timeMs: 0, method: "GET", path: "/", query: [], headers: { x: "null" }, bodySha256: "" }';
const echoes: Readonly<Record<string, string>> = {
  'detector.js': echo(
    ...(['detector', 'detect', 'text, field', 'JSON.parse(field)'] as const),
    '{ text: "", field: "[]", gives: [] }',
  ),
  'condition.js': echo(
    ...(['condition', 'holds', 'facts', 'JSON.parse(facts.method)'] as const),
    '{ facts: { method: "true" }, gives: true }',
  ),
  'check.js': echo(
    ...(['check', 'check', 'document', 'document.give'] as const),
    '{ document: { give: "ok" }, gives: "ok" }',
  ),
  'authenticator.js': echo(
    ...(['authenticator', 'authenticate', 'call', 'JSON.parse(call.headers.x)'] as const),
    `{ call: ${call}, gives: null }`,
  ),
  'no-examples.js': echo('check', 'check', 'document', '"ok"'),
  'wrong-example.js': echo('check', 'check', 'document', '"ok"', '{ document: 1, gives: "no" }'),
  'no-kind.js': 'export default { kind: "other" };',
  'nothing.js': 'const x = 1;',
  'broken.js': 'export default {',
  'endless.js': 'for (;;);',
  'options.js': `export default { kind: 'check', name: 'x', version: '1', options: { type: 'map' },
    check: () => 'ok', examples: [{ document: 1, gives: 'ok' }] };`,
};

let host: SpawnedPlugins;
let listed: Listed[];
before(async () => {
  const dir = temporaryFolder();
  makeFolder(dir);
  for (const [name, text] of Object.entries(echoes)) {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
  }
  host = spawnPlugins(dir);
  listed = await host.list();
});
after(() => host?.close());

const of = (file: string): Listed =>
  listed.find((one) => one.file === file) ?? assert.fail(`no ${file}`);
const use = (kind: PluginKind, file = `${kind}.js`, options?: Json): PluginUse => ({
  ...{ name: file, kind, digest: of(file).digest ?? '' },
  ...(options !== undefined && { options }),
});

test('every example of this repository does what its own examples say', () => {
  const names = ['china-workdays', 'hmac-header', 'id-birth-date', 'postal-area', 'vin'];
  for (const name of names) {
    const { described, faults } = of(`${name}.ts`);
    assert.deepEqual(faults, [], name);
    assert.ok((described?.examples ?? 0) >= 5, name);
  }
});

test('the guide shows the digest of the example as it is', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/operating/plugins.md'), 'utf8');
  const [, shown] = /name: vin, kind: detector, digest: ([0-9a-f]{64})/.exec(guide) ?? [];
  assert.equal(shown, of('vin.ts').digest);
});

test('what is no sound plug-in is told, and refused when it is asked', async () => {
  const unsound: Readonly<Record<string, RegExp>> = {
    'no-examples.js': /at least one example/,
    'wrong-example.js': /example 1: expected "no", got "ok"/,
    'no-kind.js': /kind/,
    'nothing.js': /kind/,
    'broken.js': /module that loads/,
    'options.js': /options/,
  };
  for (const [file, fault] of Object.entries(unsound)) {
    assert.match(of(file).faults.join(), fault, file);
    const asked = host.ask([{ use: use('check', file), verb: 'check', items: [1] }]);
    await assert.rejects(asked, { code: 'PLUGIN_REFUSED' }, file);
  }
  assert.match(of('endless.js').faults.join(), /took too long/);
});

const mayGive: readonly [
  PluginKind,
  (give: string) => Json,
  readonly string[],
  readonly string[],
][] = [
  [
    'detector',
    (give) => ['0123456789', give],
    ['[]', '[[0,10]]', '[[0,2],[2,3]]'],
    ['1', '[1]', '[[2,1]]', '[[1,1]]', '[[0,11]]', '[[-1,2]]', '[[0,2],[1,3]]', '[[0.5,2]]', '{}'],
  ],
  ['condition', (give) => ({ method: give }), ['true', 'false'], ['1', '"true"', 'null', '{}']],
  [
    'authenticator',
    (give) => ({ headers: { x: give } }),
    ['null', '"tax-1"', '"a.b:c@d"'],
    ['""', '"a b"', '1', 'true', `"${'a'.repeat(129)}"`],
  ],
];
for (const [kind, item, good, bad] of mayGive) {
  test(`a ${kind} gives what it may, and nothing else`, async () => {
    for (const give of good) {
      const [given] = await host.ask([{ use: use(kind), verb: kind, items: [item(give)] }]);
      assert.deepEqual(given, [JSON.parse(give)]);
    }
    for (const give of bad) {
      const asked = host.ask([{ use: use(kind), verb: kind, items: [item(give)] }]);
      await assert.rejects(asked, { code: 'PLUGIN_ANSWER' }, give);
    }
  });
}

test('a check gives ok or the name of a rule', async () => {
  const ask = (give: Json) => host.ask([{ use: use('check'), verb: 'check', items: [{ give }] }]);
  assert.deepEqual(await ask('ok'), [['ok']]);
  assert.deepEqual(await ask('birth-date'), [['birth-date']]);
  for (const give of ['', 'Upper', '310104197812160962 is wrong', true, 1, null, []]) {
    await assert.rejects(ask(give), { code: 'PLUGIN_ANSWER' });
  }
});

test('kind and options are held to what the plug-in says of itself', async () => {
  const vet = (one: PluginUse) => host.ask([{ use: one, verb: one.kind, items: [] }]);
  await vet(use('transform', 'postal-area.ts', { digits: 3 }));
  const wrong: PluginUse[] = [
    use('check', 'postal-area.ts', { digits: 3 }),
    use('transform', 'postal-area.ts'),
    use('transform', 'postal-area.ts', { digits: 6 }),
    use('transform', 'postal-area.ts', { digits: 3, more: true }),
    use('detector', 'vin.ts', { any: 1 }),
  ];
  for (const one of wrong) await assert.rejects(vet(one), { code: 'PLUGIN_REFUSED' });
  const unknown = { ...use('detector', 'vin.ts'), digest: '0'.repeat(64) };
  await assert.rejects(vet(unknown), { code: 'PLUGIN_MISSING' });
});

test('a question that is too large is not asked', async () => {
  const items = [{ give: 'x'.repeat(limits.pluginAskBytesMax) }];
  const asked = host.ask([{ use: use('check'), verb: 'check', items }]);
  await assert.rejects(asked, { code: 'PLUGIN_FAILED' });
});

test('the tools of an authenticator tell nothing of a secret that is not there', async () => {
  const shown = { timeMs: 1_767_225_610_000, method: 'GET', path: '/', query: [], bodySha256: '' };
  const headers = { 'x-app': 'nobody', 'x-app-time': '1767225600', 'x-app-sign': 'a'.repeat(64) };
  const legacy = use('authenticator', 'hmac-header.ts', { maxAgeSeconds: 300 });
  const items = [{ ...shown, headers }];
  assert.deepEqual(await host.ask([{ use: legacy, verb: 'authenticator', items }]), [[null]]);
});
