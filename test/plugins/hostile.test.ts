/** Plug-ins whose author means harm: what they reach of the realm around theirs, of others, of a terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Json } from '@sallyport/shared/plugins/api.ts';
import { spawnPlugins } from '@sallyport/shared/processes/plugins/spawn.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { transformOf } from './sources.ts';
import { tryPlugin } from './tried.ts';

/** Ends its thread with 77 where one of what it is called with is of another realm. */
const spy = `
const spy = (...all) => {
  for (const one of all) {
    try {
      const F = typeof one === 'function' ? one.constructor : one?.constructor?.constructor;
      if (F && F !== Function) F('return process')().exit(77);
    } catch {}
  }
  return 'x';
};
const inspect = Symbol.for('nodejs.util.inspect.custom');
const every = new Proxy({}, {
  get: (_, name) => (...all) => { spy(...all); return Reflect[name](...all); },
});`;

const leftRejected: Readonly<Record<string, string>> = {
  'an object that Node would show': `({ stack: 'x', [inspect]: spy })`,
  'an error that Node would show': `Object.assign(new Error('x'), { [inspect]: spy })`,
  'a function': `Object.assign(() => {}, { stack: 'x', [inspect]: spy })`,
  'an object that becomes a text': `({ stack: 'x', toString: spy, [Symbol.toPrimitive]: spy })`,
  getters: `Object.defineProperty({ stack: 'x' }, 'message', { get() { spy(this); } })`,
  'a proxy': `new Proxy({ stack: 'x' }, every)`,
  'the proxy of an error': `new Proxy(new Error('x'), every)`,
};
for (const [what, made] of Object.entries(leftRejected)) {
  test(`a promise that is left rejected with ${what} ends the plug-in unseen`, () => {
    for (const when of ['while loading', 'while asked']) {
      const reject = `Promise.reject(${made});`;
      const source = transformOf(
        when === 'while asked' ? reject : '',
        when === 'while asked' ? spy : `${spy} ${reject}`,
      );
      assert.match(probe(source), /^asked [0-2], ended 0$/, when);
    }
  });
}

const reachedFor: Readonly<Record<string, string>> = {
  'promises of its module': `
    const { then } = Promise.prototype;
    Promise.prototype.then = function (...all) { spy(this, ...all); return then.apply(this, all); };
    Object.defineProperty(Promise.prototype, 'constructor', { get() { spy(this); } });`,
  'a module that waits': 'await { then: (...all) => { spy(...all); all[0](); } };',
  'members that every object gets': `
    for (const name of ['then', 'value', 'default', 'text', 'code', 'message', 'stack', 'timeout']) {
      const own = { __proto__: null, get() { spy(this); }, set(it) { spy(it); } };
      Object.defineProperty(Object.prototype, name, own);
    }`,
  'the frames of its callers': `
    Error.prepareStackTrace = (_, frames) => {
      for (let one of frames) for (; one; one = Object.getPrototypeOf(one)) spy(one, one.constructor);
    };
    void new Error('x').stack;
    const dive = () => { try { dive(); } catch (thrown) { spy(thrown); } };
    dive();`,
  'what is above its globals': `
    for (let one = globalThis; one; one = Object.getPrototypeOf(one)) spy(one, one.constructor);`,
};
for (const [what, more] of Object.entries(reachedFor)) {
  test(`through ${what} it reaches nothing but its own`, () => {
    const source = transformOf(`return value + '!'`, `${spy} ${more}`);
    assert.match(probe(source), /^asked 3, ended 1$/);
  });
}

/** What became of the thread of a plug-in. */
function probe(source: string): string {
  const script = join(import.meta.dirname, 'seat-probe.ts');
  const flags = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules'];
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, script, source], {
    encoding: 'utf8',
  });
  return stdout.trim() || stderr;
}

test('one that nothing can end ends the process of the plug-ins, within seconds', async (t) => {
  const endless = 'return Array.prototype.includes.call({ length: 2 ** 53 - 1 }, value)';
  const { ask, use } = await tryPlugin(t, transformOf(endless));
  const asked = ask([{ use, verb: 'transform', items: ['x'] }]);
  await assert.rejects(asked, { code: 'PLUGIN_MISSING', rule: 'under-test' });
});

test('exports of a module of Node are refused as its imports are', async (t) => {
  for (const line of [`export * from 'node:fs';`, `export { readFileSync } from 'node:fs';`]) {
    const { listed } = await tryPlugin(t, transformOf(`return value + '!'`, line));
    assert.deepEqual(listed?.faults, ['expected a module that loads, got another']);
  }
});

test('a text that a tool is given has a maximum', async (t) => {
  const source = `export default {
    kind: 'authenticator', name: 'under-test', version: '1.0.0',
    authenticate(call, options, tools) {
      if (call.path === '/calm') return 'calm';
      const long = 'x'.repeat(2 ** 28);
      for (const name of ['sha256', 'same', 'hmacSha256']) {
        try { tools[name](long, long); return null; } catch {}
      }
      return 'refused';
    },
    examples: [{ call: { path: '/calm' }, gives: 'calm' }],
  };`;
  const { ask, use } = await tryPlugin(t, source, { kind: 'authenticator' });
  const given = await ask([{ use, verb: 'authenticator', items: [{ path: '/x' }] }]);
  assert.deepEqual(given, [['refused']]);
});

test('what one gives as an answer spoils no answer of another', async (t) => {
  const bodies = {
    'a number that is too large': 'return 1e300',
    'half a character in a list': `return ['\\ud800']`,
    'a list without end': 'let all = []; for (let i = 0; i < 1e5; i++) all = [all]; return all',
    'a text in place of an answer': `Object.prototype.toJSON = () => 'text'; return value`,
    'a code in place of an answer': `Object.prototype.toJSON = () => ({ code: 'STORE_FULL' }); return value`,
    'more answers': `Object.prototype.toJSON = () => ({ gives: ['a!', 'b!'] }); return value`,
  };
  for (const [what, body] of Object.entries(bodies)) {
    const dir = temporaryFolder();
    const [ill, good] = [transformOf(body), transformOf(`return value + '!'`)].map((source, i) => {
      const text = source.replaceAll(`return String(value).endsWith('!')`, 'return true');
      writeFileSync(join(dir, `${i}.js`), text, { mode: 0o600 });
      const digest = createHash('sha256').update(text).digest('hex');
      return { name: i === 0 ? 'ill' : 'good', kind: 'transform', digest } as const;
    });
    assert.ok(ill && good);
    const host = spawnPlugins(dir);
    t.after(() => host.close());
    const items: Json[] = ['x'];
    const asks = [good, ill].map((use) => ({ use, verb: 'transform', items }) as const);
    for (const order of [asks, asks.toReversed()]) {
      await assert.rejects(host.ask(order), (thrown: { code: string; rule: string }) => {
        assert.equal(thrown.rule, 'ill', what);
        return ['PLUGIN_ANSWER', 'PLUGIN_FAILED'].includes(thrown.code);
      });
    }
  }
});

test('what it says of itself cannot drive a terminal', async (t) => {
  const codes = '\\u001b[2J\\u001b]0;owned\\u0007\\u202e\\u2028';
  const throwing = transformOf('').replace(`return 'calm!'`, `throw '${codes}'`);
  const lying = transformOf(
    `return value + '!'`,
    `Object.prototype.toJSON = function () {
    const said = { kind: 'transform', name: 'x', version: '1', examples: 1 };
    return { ...said, toJSON: undefined, missing: ['${codes}'], faults: ['${codes}'] };
  };`,
  );
  for (const source of [throwing, lying]) {
    const { listed } = await tryPlugin(t, source);
    const faults = listed?.faults ?? [];
    assert.ok(faults.length > 0);
    for (const fault of faults) assert.match(fault, /^[\x20-\x7e]+$/);
  }
});
