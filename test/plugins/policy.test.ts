/** What a policy may say of plug-ins, and what a bundle must: names, kinds, options, what is of use. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { decodePolicy, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { readCondition } from '@sallyport/shared/policy/conditions.ts';
import { decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { diffPolicy } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { makeFolder, writePolicy } from './vehicles.ts';

const dir = temporaryFolder();
const file = writePolicy(dir, makeFolder(join(dir, 'plugins')));
const text = readFileSync(file, 'utf8');
const source = await readPolicyFiles(file);

const check = (changed: string) => checkPolicy({ ...source, text: changed });
const sound = (): Policy => check(text).policy ?? assert.fail('the policy is sound');
interface Written {
  plugins: { name: string; kind: string; digest: string; options?: object; headers?: string[] }[];
  services: { routes: WrittenRoute[] }[];
  consumers: { credentials: { plugin?: string }[] }[];
  grants: { when?: string }[];
}
interface WrittenRoute {
  request: { checks?: string[] };
  response: { masks: { field: string; transform: string }[]; detect: { plugins: string[] } };
}
const route = (policy: Written, at = 0): WrittenRoute =>
  policy.services[0]?.routes[at] ?? assert.fail('the policy has this route');
const changed = (change: (policy: Written) => void) => {
  const policy = JSON.parse(text) as Written;
  change(policy);
  return check(JSON.stringify(policy, null, 2)).faults.map(
    ({ path, message }) => `${path}: ${message}`,
  );
};
const plugin = (policy: Written, name: string) =>
  policy.plugins.find((one) => one.name === name) ?? assert.fail(`no ${name}`);

test('a policy with every kind is sound, and its bundle reads back as it was', () => {
  const policy = sound();
  assert.deepEqual(
    policy.plugins?.map(({ name }) => name),
    ['area', 'births', 'closed-days', 'legacy', 'moody', 'open-days', 'vin'],
  );
  assert.deepEqual(decodePolicy(encodePolicy(policy)), policy);
  assert.deepEqual(diffPolicy(policy, policy), []);
});

const faults: Readonly<Record<string, readonly [(policy: Written) => void, RegExp]>> = {
  'a name that is not there': [
    (p) => void p.plugins.splice(p.plugins.indexOf(plugin(p, 'vin')), 1),
    /detect\.plugins\[0\]: expected a plug-in of kind detector, got none of that name/,
  ],
  'a plug-in of another kind': [
    (p) => void Object.assign(route(p).response.detect, { plugins: ['births'] }),
    /expected a plug-in of kind detector, got the check "births"/,
  ],
  'a condition that asks what is none': [
    (p) => void Object.assign(p.grants[0] ?? {}, { when: 'request.plugin("vin")' }),
    /grants\[0\]\.when: expected a plug-in of kind condition, got the detector "vin"/,
  ],
  'a mask of another kind': [
    (p) => void Object.assign(route(p).response.masks[0] ?? {}, { transform: 'plugin:vin' }),
    /masks\[0\]\.transform: expected a plug-in of kind transform/,
  ],
  'a credential of another kind': [
    (p) => void Object.assign(p.consumers[1]?.credentials[0] ?? {}, { plugin: 'vin' }),
    /credentials\[0\]\.plugin: expected a plug-in of kind authenticator/,
  ],
  'a plug-in that nothing uses': [
    (p) => void p.plugins.push({ name: 'idle', kind: 'check', digest: '0'.repeat(64) }),
    /plugins\[7\]\.name: expected a plug-in that something uses/,
  ],
  'a name twice': [
    (p) => void p.plugins.push(plugin(p, 'vin')),
    /expected a name of its own, got "vin" again/,
  ],
  'a digest that is none': [
    (p) => void Object.assign(plugin(p, 'vin'), { digest: 'abc' }),
    /expected the SHA-256/,
  ],
  'headers of what is no authenticator': [
    (p) => void Object.assign(plugin(p, 'vin'), { headers: ['x-app'] }),
    /expected headers for an authenticator, and for no other kind/,
  ],
  'an authenticator without headers': [
    (p) => void delete plugin(p, 'legacy').headers,
    /expected headers for an authenticator/,
  ],
  'a header of the gateway': [
    (p) => void Object.assign(plugin(p, 'legacy'), { headers: ['x-api-key'] }),
    /expected a header that is not the gateway/,
  ],
  'options that are too large': [
    (p) => void Object.assign(plugin(p, 'vin'), { options: { all: 'x'.repeat(17_000) } }),
    /expected JSON of at most 16384 bytes/,
  ],
  'a check of a request without a body': [
    (p) => void Object.assign(route(p, 2).request, { checks: ['births'] }),
    /request\.checks: expected a body to check/,
  ],
  'a mask on a field that holds neither text nor number': [
    (p) => void Object.assign(route(p).response.masks[0] ?? {}, { field: '$.owner' }),
    /expected a field of type string or number for "plugin"/,
  ],
};
for (const [name, [change, fault]] of Object.entries(faults)) {
  test(`a fault of the policy: ${name}`, () => {
    const found = changed(change);
    assert.ok(found.length > 0);
    assert.match(found.join('\n'), fault);
  });
}

test('options with what is no JSON are a fault', () => {
  const { faults: found } = check(text.replace('"digits": 3', '"digits": .inf'));
  assert.match(found.map(({ message }) => message).join(), /expected JSON of at most/);
});

test('a bundle that names what it does not have, or of another kind, is refused', () => {
  const policy = sound();
  const without = (name: string): Policy => ({
    ...policy,
    plugins: (policy.plugins ?? []).filter((one) => one.name !== name),
  });
  for (const { name } of policy.plugins ?? []) {
    assert.throws(
      () => decodePolicy(encodePolicy(without(name))),
      { code: 'POLICY_INVALID' },
      name,
    );
  }
  const other = (policy.plugins ?? []).map((one) =>
    one.name === 'vin' ? { ...one, kind: 'check' as const } : one,
  );
  assert.throws(() => decodePolicy(encodePolicy({ ...policy, plugins: other })), {
    code: 'POLICY_INVALID',
  });
});

test('a change of digest, options or the order of headers shows in the diff', () => {
  const before = sound();
  const after = (change: (policy: Written) => void): string[] => {
    const policy = structuredClone(before) as unknown as Written;
    change(policy);
    return diffPolicy(before, policy as unknown as Policy).map(
      ({ part, detail }) => `${part} ${detail.split(' ', 1)[0]}`,
    );
  };
  assert.deepEqual(
    after((p) => void Object.assign(plugin(p, 'vin'), { digest: '0'.repeat(64) })),
    ['plugins/vin digest'],
  );
  assert.deepEqual(
    after((p) => void Object.assign(plugin(p, 'area'), { options: { digits: 4 } })),
    ['plugins/area options'],
  );
  assert.deepEqual(
    after((p) => void plugin(p, 'legacy').headers?.reverse()),
    ['plugins/legacy headers'],
  );
});

test('a condition takes the answers of plug-ins as facts, and refuses without them', () => {
  const compiled = compilePolicy(sound());
  const call = (plugins: ReadonlyMap<string, boolean> | undefined) => () =>
    decide(compiled, {
      consumer: { name: 'tax' },
      match: matchRoute(compiled, 'GET', '/vehicles/v-1'),
      nowMs: Date.now(),
      plugins,
    });
  assert.equal(call(new Map([['open-days', true]]))().flow, 'vehicles/get');
  assert.throws(call(new Map([['open-days', false]])), { code: 'CONDITION_UNMET' });
  assert.throws(call(new Map([['other', true]])), { code: 'CONDITION_FAILED' });
  assert.throws(call(undefined), { code: 'CONDITION_FAILED' });
});

test('conditions name plug-ins written out, and nothing else of that form', () => {
  const read = readCondition('request.plugin("a-b") || request.plugin("c")');
  assert.ok('condition' in read);
  assert.deepEqual([...read.condition.plugins], ['a-b', 'c']);
  assert.equal(read.condition.readsOnlyTime, false);
  for (const bad of [
    'request.plugin(request.method)',
    'request.plugin("A B")',
    'request.plugin("a", "b")',
    'request.plugin()',
    'consumer.plugin("a")',
    'plugin("a")',
  ]) {
    assert.ok('fault' in readCondition(bad), bad);
  }
});

test('what would release or verify without asking the plug-ins of a route refuses: PLUGIN_MISSING', () => {
  const compiled = compilePolicy(sound());
  const [plan] = compiled.grants.get('tax vehicles/get')?.plans ?? [];
  const document = Buffer.from('{"postcode":"110013"}');
  assert.throws(() => plan?.release?.(document, 1000), { code: 'PLUGIN_MISSING' });
  assert.throws(() => plan?.verify?.(document, 1000), { code: 'PLUGIN_MISSING' });
});

test('a route without plug-ins has nothing of them in its plan', () => {
  const compiled = compilePolicy(sound());
  const [plan] = compiled.grants.get('tax vehicles/plain')?.plans ?? [];
  assert.equal(plan?.open, undefined);
  assert.equal(compiled.grants.get('tax vehicles/plain')?.terms.plugins.size, 0);
});
