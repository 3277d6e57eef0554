/** A secret belongs to one authenticator: what other plug-ins get of it, whatever they try. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';
import { transformOf } from './sources.ts';

const secret = 'only of the first authenticator';
const wanted = createHmac('sha256', secret).update('text').digest('hex');

/** Signs under the name of the secret, in whatever way a plug-in can come to the tools. */
const sign = `
let kept;
const names = ['tax', '../tax', 'OWNER/tax', '../OWNER/tax'];
const sign = (all) => {
  const tools = [...all, kept].find((one) => typeof one?.hmacSha256 === 'function');
  kept = tools ?? kept;
  return names.map((name) => tools?.hmacSha256(name, 'text'));
};`;
const call = { timeMs: 0, method: 'GET', path: '/', query: [], headers: {}, bodySha256: '' };
const authenticator = (name: string): string => `${sign}
export default {
  kind: 'authenticator', name: '${name}', version: '1.0.0',
  options: {
    type: 'object', properties: { wanted: { type: 'string', maxLength: 64 } }, required: ['wanted'],
  },
  authenticate(...all) { return sign(all).includes(all[1].wanted) ? 'signed' : null },
  examples: [{ call: ${JSON.stringify(call)}, options: { wanted: '' }, gives: null }],
};`;
const owner = authenticator('owner');
const digestOf = (source: string): string => createHash('sha256').update(source).digest('hex');

/** Each signs, and says whether it could by an answer that its kind may give. */
const others: Readonly<
  Record<string, { kind: string; source: string; item: unknown; none: unknown }>
> = {
  'a second authenticator': {
    ...{ kind: 'authenticator', source: authenticator('second'), item: call, none: null },
  },
  'an authenticator that calls itself as the owner does': {
    ...{ kind: 'authenticator', source: `${owner} // of another`, item: call, none: null },
  },
  'a transform': {
    kind: 'transform',
    source: transformOf(`return sign(arguments).some(Boolean) ? 'signed!' : 'none!'`, sign),
    ...{ item: 'x', none: 'none!' },
  },
  'a detector': {
    kind: 'detector',
    source: `${sign} export default { kind: 'detector', name: 'd', version: '1',
      detect(...all) { return sign(all).some(Boolean) ? [[0, 1]] : [] },
      examples: [{ text: 'x', gives: [] }] };`,
    ...{ item: ['xx', ''], none: [] },
  },
  'a condition': {
    kind: 'condition',
    source: `${sign} export default { kind: 'condition', name: 'c', version: '1',
      holds(...all) { return sign(all).some(Boolean) },
      examples: [{ facts: {}, gives: false }] };`,
    ...{ item: {}, none: false },
  },
  'a check': {
    kind: 'check',
    source: `${sign} export default { kind: 'check', name: 'k', version: '1',
      check(...all) { return sign(all).some(Boolean) ? 'signed' : 'ok' },
      examples: [{ document: {}, gives: 'ok' }] };`,
    ...{ item: {}, none: 'ok' },
  },
};

interface Told {
  readonly given: readonly { readonly gives?: readonly unknown[]; readonly code?: string }[];
  readonly timers: number;
}

const threads = ['--allow-worker', '--experimental-vm-modules'];
/** Under what the process of the plug-ins may do, but that it may read any file. */
function runConfined(script: string, args: readonly string[], flags = threads) {
  const all = ['--permission', '--allow-fs-read=*', ...flags, join(import.meta.dirname, script)];
  return spawnSync(process.execPath, [...all, ...args], { encoding: 'utf8', timeout: 60_000 });
}

/** Asks a host of its own, under the permissions of a node's process of the plug-ins. */
function ask(dir: string, secrets: string, asks: readonly object[], flags = threads): Told {
  const { stdout, stderr } = runConfined(
    'host-probe.ts',
    [dir, secrets, JSON.stringify(asks)],
    flags,
  );
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

function install(sources: readonly string[]): { dir: string; secrets: string } {
  const [dir, secrets] = [temporaryFolder(), temporaryFolder()];
  for (const source of sources) {
    writeFileSync(join(dir, `${digestOf(source)}.js`), source, { mode: 0o600 });
  }
  return { dir, secrets };
}

function giveSecret(secrets: string, digest: string): void {
  mkdirSync(join(secrets, digest), { mode: 0o700 });
  writeFileSync(join(secrets, digest, 'tax'), secret, { mode: 0o600 });
}

const askOf = (kind: string, source: string, item: unknown): object => ({
  ...{ kind, verb: kind, digest: digestOf(source), items: [item] },
  options: kind === 'authenticator' ? { wanted } : {},
});

test('the authenticator that a secret belongs to signs under it, and no other plug-in does', () => {
  const sources = Object.values(others).map(({ source }) => source);
  const { dir, secrets } = install([owner, ...sources]);
  giveSecret(secrets, digestOf(owner));
  // As secrets lay before they belonged to one plug-in.
  writeFileSync(join(secrets, 'tax'), secret, { mode: 0o600 });
  const asks = Object.values(others).map(({ kind, source, item }) => askOf(kind, source, item));
  const { given } = ask(dir, secrets, [askOf('authenticator', owner, call), ...asks]);
  assert.deepEqual(given, [
    { gives: ['signed'] },
    ...Object.values(others).map(({ none }) => ({ gives: [none] })),
  ]);
});

test('a plug-in of another kind gets no secret, though one lies there for it', () => {
  const entries = Object.values(others).filter(({ kind }) => kind !== 'authenticator');
  const { dir, secrets } = install(entries.map(({ source }) => source));
  for (const { source } of entries) giveSecret(secrets, digestOf(source));
  const asks = entries.flatMap(({ kind, source, item }) => [
    askOf(kind, source, item),
    askOf('authenticator', source, call),
  ]);
  const { given } = ask(dir, secrets, asks);
  const codes = given.map(({ gives, code }) => gives ?? code);
  assert.deepEqual(
    codes,
    entries.flatMap(({ none }) => [[none], 'PLUGIN_REFUSED']),
  );
});

test('what gets out of its realm finds no file to read and no thread to start', () => {
  const { stdout, stderr } = runConfined('seat-escaped.ts', [owner]);
  assert.notEqual(stdout, '', stderr);
  assert.deepEqual(JSON.parse(stdout), {
    before: { read: 'done', thread: 'done' },
    after: { read: 'ERR_ACCESS_DENIED', thread: 'ERR_ACCESS_DENIED' },
  });
});

test('where no thread can be made the question fails with PLUGIN_FAILED, and nothing waits on', () => {
  const source = transformOf(`return value + '!'`);
  const { dir, secrets } = install([source]);
  const asked = askOf('transform', source, 'x');
  const { given, timers } = ask(dir, secrets, [asked, asked], []);
  assert.deepEqual(
    given.map(({ code }) => code),
    ['PLUGIN_FAILED', 'PLUGIN_FAILED'],
  );
  assert.equal(timers, 0);
});
