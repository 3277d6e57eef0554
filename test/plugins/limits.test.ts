/** What a plug-in may do to its node: nothing but not answer. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { limits } from '@sallyport/shared/limits.ts';
import type { Json } from '@sallyport/shared/plugins/api.ts';
import { until } from '../until.ts';
import { transformOf } from './sources.ts';
import { tryPlugin } from './tried.ts';

const failed = { code: 'PLUGIN_FAILED', rule: 'under-test' };
const wrongAnswer = { code: 'PLUGIN_ANSWER', rule: 'under-test' };

/** A plug-in that does what is in `bodies` under the name of a value, and else adds an exclamation mark. */
async function asked(t: TestContext, bodies: Readonly<Record<string, string>>) {
  const cases = Object.entries(bodies).map(
    ([name, body]) => `if (value === ${JSON.stringify(name)}) { ${body} }`,
  );
  const { ask, use, listed } = await tryPlugin(
    t,
    transformOf(`${cases.join('\n')} return value + '!'`),
  );
  assert.deepEqual(listed?.faults, []);
  return (...items: (string | number)[]): Promise<readonly (readonly Json[])[]> =>
    ask([{ use, verb: 'transform', items }]);
}

test('a sound transform answers each value, in order', async (t) => {
  const { ask, use, listed } = await tryPlugin(t, transformOf(`return value + '!'`));
  assert.deepEqual(listed?.faults, []);
  assert.equal(listed?.described?.kind, 'transform');
  const asks = [
    { use, verb: 'transform', items: ['a', 7] },
    { use, verb: 'masked', items: ['a!', 'a', 3] },
  ] as const;
  assert.deepEqual(await ask(asks), [
    ['a!', '7!'],
    [true, false, false],
  ]);
});

test('one that hangs is ended: its call fails, those that wait and come later do not', async (t) => {
  const ask = await asked(t, {
    hang: 'for (;;);',
    backtrack: `return /^(a+)+$/.test('a'.repeat(60) + 'b') + '!'`,
  });
  for (const how of ['hang', 'backtrack']) {
    const hung = ask(how);
    const behind = ask('b');
    await assert.rejects(hung, failed);
    assert.deepEqual(await behind, [['b!']]);
  }
});

test('one that eats memory is ended, alone', async (t) => {
  const bombs = {
    'a list without end': `const all = []; for (;;) all.push({ at: all.length, value });`,
    'texts without end': `const all = []; for (;;) all.push('x'.repeat(100000) + all.length);`,
  };
  const ask = await asked(t, bombs);
  for (const name of Object.keys(bombs)) {
    await assert.rejects(ask(name), failed, name);
    assert.deepEqual(await ask('b'), [['b!']]);
  }
});

test('one that wants much memory at once fails its call, though its whole process may end', async (t) => {
  const ask = await asked(t, {
    map: `const all = new Map(); for (let i = 0; ; i++) all.set(i, 'k' + i);`,
  });
  await assert.rejects(ask('map'), ({ code }: { code: string }) =>
    ['PLUGIN_FAILED', 'PLUGIN_MISSING'].includes(code),
  );
});

test('one that throws, or calls itself without end, fails its call alone and tells nothing', async (t) => {
  const bodies = {
    throw: `throw new Error('secret-of-the-value');`,
    deep: `const again = () => again() + 1; return again();`,
    'an odd error': `throw { get message() { throw 1 }, toString: null };`,
  };
  const ask = await asked(t, bodies);
  for (const value of Object.keys(bodies)) {
    for (let times = 0; times <= limits.pluginFailuresMax; times += 1) {
      await assert.rejects(ask(value), (thrown: Error) => {
        assert.equal(Reflect.get(thrown, 'code'), 'PLUGIN_FAILED');
        assert.doesNotMatch(thrown.message, /secret-of-the-value/);
        return true;
      });
    }
  }
  assert.deepEqual(await ask('b'), [['b!']], 'who can make it throw cannot make it rest');
});

test('one that keeps ending rests, and is asked again later', async (t) => {
  const ask = await asked(t, { bomb: `const all = []; for (;;) all.push({ at: all.length });` });
  for (let times = 0; times < limits.pluginFailuresMax; times += 1) {
    await assert.rejects(ask('bomb'), failed);
  }
  await assert.rejects(ask('b'), failed);
  await until(async () => {
    const given = await ask('b').catch(() => undefined);
    return given?.[0]?.[0] === 'b!';
  }, 60_000);
});

test('garbage is no answer', async (t) => {
  const garbage = {
    nothing: 'return undefined',
    'an object': `return { toString: () => 'x!' }`,
    'a promise': `return Promise.resolve('x!')`,
    'no number': 'return NaN',
    'a function': `return () => 'x!'`,
    'a boolean': 'return true',
    'a list': `return ['x!']`,
    'what it does not know as its own': `return 'plain'`,
    'a text that is too long': `return 'x'.repeat(${limits.pluginTextMax}) + '!'`,
    'a hidden character': `return 'x\\u200b!'`,
    'half a character': `return '\\ud800!'`,
  };
  const ask = await asked(t, garbage);
  for (const name of Object.keys(garbage)) await assert.rejects(ask(name), wrongAnswer, name);
  assert.deepEqual(await ask('b'), [['b!']]);
});

test('an answer that is too large for a document is none', async (t) => {
  const ask = await asked(t, {});
  const long = 'x'.repeat(4000);
  const items = Array.from({ length: 2000 }, () => long);
  await assert.rejects(ask(...items, ...items), failed);
});
