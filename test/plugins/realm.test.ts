/** What a plug-in can reach from inside: the language and nothing of the machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transformOf } from './sources.ts';
import { tryPlugin } from './tried.ts';

const words =
  `process require module exports global Buffer fetch setTimeout setInterval setImmediate
  queueMicrotask structuredClone console performance WebAssembly ArrayBuffer SharedArrayBuffer Atomics
  Uint8Array Float64Array DataView URL TextEncoder Worker navigator crypto WebSocket EventSource eval escape
  FinalizationRegistry WeakRef __dirname`.split(/\s+/);

test('no name leads out of the realm', async (t) => {
  const source = transformOf(`
    return ${JSON.stringify(words)}.filter((name) => name in globalThis).join() + '!'`);
  const { ask, use } = await tryPlugin(t, source);
  assert.deepEqual(await ask([{ use, verb: 'transform', items: ['x'] }]), [['!']]);
});

/** Each gives what it got hold of; nothing, or that it was refused, is well. */
const attempts: Readonly<Record<string, string>> = {
  'a function made of text': `return Function('return this')().process`,
  'the function of an arrow': `return (() => {}).constructor('return process')()`,
  'a generator made of text': `return (function* () {}).constructor('yield process')().next().value`,
  'the constructors above this': `return this.constructor.constructor('return process')()`,
  'eval under another name': `return [].map.constructor('return process')()`,
  'the stack of a tool that is too deep': `
    const dive = () => { try { return dive(); } catch (e) { return e; } };
    return dive().constructor.constructor('return process')()`,
  'the frames of the callers': `
    Error.prepareStackTrace = (_, frames) => frames;
    const frames = new Error().stack;
    return frames.map((frame) => frame.getFunction?.() ?? frame.getThis?.()).find((f) => f && f.process)`,
  'the list of the frames': `
    Error.prepareStackTrace = (_, frames) => frames;
    return new Error().stack.constructor.constructor('return process')()`,
  'the caller of the function': `
    return (function inner() { return inner.caller ?? arguments.callee.caller; })()?.process`,
  'a method that everybody calls': `
    let got;
    Array.prototype.map = function (f) { got = this.constructor.constructor; return []; };
    return got?.('return process')()`,
};
test('there is no way out of the realm', async (t) => {
  const cases = Object.entries(attempts).map(
    ([name, body]) => `if (value === ${JSON.stringify(name)}) got = (() => { ${body} })();`,
  );
  const source = transformOf(`
    let got;
    try { ${cases.join('\n')} } catch (thrown) { got = undefined; }
    return typeof got + '!'`);
  const { ask, use } = await tryPlugin(t, source);
  for (const name of Object.keys(attempts)) {
    const [[given] = []] = await ask([{ use, verb: 'transform', items: [name] }]);
    assert.equal(given, 'undefined!', name);
  }
});

const imports: Readonly<Record<string, string>> = {
  'a module of Node': `import 'node:fs';`,
  'a module by its name': `import yaml from 'yaml';`,
  'a file beside it': `import other from './two.js';`,
  'a module at run time': `const fs = await import('node:fs');`,
  'what knows where it is': `const here = import.meta.url;`,
};
test('imports are refused, and what has them is not run', async (t) => {
  for (const [name, line] of Object.entries(imports)) {
    const { listed, ask, use } = await tryPlugin(t, transformOf(`return value + '!'`, line));
    assert.match(listed?.faults.join() ?? '', /import/, name);
    const asked = ask([{ use, verb: 'transform', items: ['x'] }]);
    await assert.rejects(asked, { code: 'PLUGIN_REFUSED' }, name);
  }
});

test('types may be imported, and are gone before it runs', async (t) => {
  const source = `
import type { Transform } from '@sallyport/shared/plugins/api.ts';
const loud = (text: string): string => text + '!';
export default {
  kind: 'transform', name: 'typed', version: '1.0.0',
  transform: (value) => loud(String(value)),
  isMasked: (value) => String(value).endsWith('!'),
  examples: [{ value: 'a', gives: 'a!' }],
} satisfies Transform;`;
  const { listed, ask, use } = await tryPlugin(t, source, { file: 'one.ts' });
  assert.deepEqual(listed?.faults, []);
  assert.deepEqual(await ask([{ use, verb: 'transform', items: ['b'] }]), [['b!']]);
});

test('what was promised while loading goes no further', async (t) => {
  const more = `let turns = 0; const go = () => { turns += 1; Promise.resolve().then(go); };`;
  const source = transformOf(`go(); return turns + '!'`, more);
  const { ask, use } = await tryPlugin(t, source);
  const once = () => ask([{ use, verb: 'transform', items: ['x'] }]);
  assert.deepEqual([await once(), await once()], [[['1!']], [['2!']]]);
});
