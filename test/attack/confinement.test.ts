/** Each process, under exactly the flags with which the product starts it, tries to get out of them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { type Home, type ProcessName, processNames } from '@sallyport/shared/config/home.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { confinementFlags } from '@sallyport/shared/processes/confinement.ts';
import { makeNode } from '../pairing/homes.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'outer-node/main.ts');
const probe = join(import.meta.dirname, 'confinement-probe.ts');
const outside = temporaryFolder();
const addon = join(
  dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')),
  `prebuilds/${process.platform}-${process.arch}.node`,
);

let home: Home;
before(async () => {
  const made = await makeNode('outer', 'outer-1');
  appendFileSync(made.home.paths.config, '\nplugins: { dir: plugins }\n');
  home = readHome(made.home.dir);
  for (const folder of ['plugins', 'keys/plugins']) {
    mkdirSync(join(home.dir, folder), { mode: 0o700 });
    writeFileSync(join(home.dir, folder, 'x.js'), 'x', { mode: 0o600 });
  }
  for (const file of ['data/sallyport.db', 'spool/out/x', 'spool/in/x', 'archive/out/x']) {
    writeFileSync(join(home.dir, file), 'x');
  }
  for (const file of ['peer.trust', 'run/processes.json']) writeFileSync(join(home.dir, file), 'x');
});

const everyProcess: readonly ProcessName[] = [...processNames, 'scanner', 'plugins'];

/** Files of a home, and who may read each. */
const readers: Readonly<Record<string, readonly ProcessName[]>> = {
  'config.yaml': everyProcess,
  'plugins/x.js': ['plugins'],
  'keys/plugins/x.js': ['plugins'],
  'keys/pin': ['signer'],
  'keys/soft.keystore': ['signer'],
  'keyspec.json': ['signer'],
  'tls/edge.key': ['edge'],
  'tls/link.key': ['mover'],
  'certs/sign.pem': ['guard', 'admin'],
  'peer.trust': ['guard', 'mover', 'admin'],
  'data/sallyport.db': ['guard'],
  'spool/out/x': ['guard', 'mover'],
  'spool/in/x': ['guard', 'mover'],
  'archive/out/x': ['guard'],
  'run/processes.json': ['admin'],
  'run/lock.db': [],
};

/** What belongs to the work of some. */
const networked: readonly ProcessName[] = ['edge', 'mover', 'admin', 'scanner'];
const may: Readonly<Record<string, readonly ProcessName[]>> = {
  'connect to an address': networked,
  'listen at an address': networked,
  'connect to a socket file': networked,
  'listen at a socket file': networked,
  'send a datagram': networked,
  'ask for a name': networked,
  // Until it has loaded its own and given the right away: below.
  'load native code': ['guard'],
  'start a thread': ['plugins'],
};

const denials = ['ERR_ACCESS_DENIED', 'ERR_DLOPEN_DISABLED', 'ERR_UNKNOWN_BUILTIN_MODULE'];

for (const name of everyProcess) {
  test(`${name} reaches its own and nothing else`, async () => {
    const given = { home: home.dir, outside, addon, reads: Object.keys(readers) };
    const ran = await run([...confinementFlags(name, home), probe, JSON.stringify(given)]);
    assert.equal(ran.code, 0, ran.err);
    const outcomes = Object.entries(JSON.parse(ran.out) as Record<string, string>);
    assert.ok(outcomes.length > 40);
    for (const [attempt, outcome] of outcomes) {
      const allowed = readers[attempt.replace(/^read /, '')] ?? may[attempt] ?? [];
      const isDenied = denials.includes(outcome);
      assert.equal(isDenied, !allowed.includes(name), `${name}: ${attempt}: ${outcome}`);
    }
  });
}

test('what breaks out of a realm into its worker finds no more there than in the process', async () => {
  const inside = `
    const require = process.getBuiltinModule;
    const tell = require('node:worker_threads').parentPort;
    const tries = {
      read: () => require('node:fs').readFileSync('/etc/passwd'),
      write: () => require('node:fs').writeFileSync(${JSON.stringify(join(outside, 'by-worker'))}, ''),
      start: () => require('node:child_process').spawnSync('true'),
      native: () => process.dlopen({ exports: {} }, ${JSON.stringify(addon)}),
      text: () => Function('return 1')(),
    };
    const got = Object.entries(tries).map(([name, attempt]) => {
      try { attempt(); return name + ' worked'; } catch (e) { return name + ' ' + (e.code ?? e.name); }
    });
    got.push('environment ' + Object.keys(process.env).length);
    const socket = require('node:net').connect(9, '127.0.0.1');
    socket.on('error', ({ code }) => tell.postMessage([...got, 'connect ' + code]));
    socket.on('connect', () => tell.postMessage([...got, 'connect worked']));`;
  const text = `
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(${JSON.stringify(inside)}, { eval: true, env: {}, argv: [] });
    worker.once('message', (got) => { console.log(got.join('\\n')); process.exit(); });`;
  const flags = confinementFlags('plugins', home);
  const ran = await run([...flags, '--input-type=module', '--eval', text]);
  const denied = ['read', 'write', 'start', 'connect'].map((one) => `${one} ERR_ACCESS_DENIED`);
  const lines = ran.out.trim().split('\n');
  assert.deepEqual(
    denied.filter((line) => !lines.includes(line)),
    [],
    ran.out + ran.err,
  );
  for (const line of ['native ERR_DLOPEN_DISABLED', 'text EvalError', 'environment 0']) {
    assert.ok(lines.includes(line), ran.out);
  }
});

test('native code is not loaded any more once the right is given away', async () => {
  const confined = join(root, 'shared/processes/confined.ts');
  const text = `
    const { endAddons } = await import(${JSON.stringify(confined)});
    const load = () => process.dlopen({ exports: {} }, ${JSON.stringify(addon)});
    load(); endAddons();
    try { load(); console.log('loaded'); } catch (error) { console.log(error.code); }`;
  const flags = confinementFlags('guard', home);
  const ran = await run([...flags, '--input-type=module', '--eval', text]);
  assert.equal(ran.out.trim(), 'ERR_ACCESS_DENIED', ran.err);
});

test('a process that may do more than its part needs does not start: NOT_CONFINED', async () => {
  const wider: [ProcessName, string[]][] = [
    ['guard', []],
    ['mover', [...confinementFlags('mover', home), '--allow-child-process']],
    ['edge', [...confinementFlags('edge', home), '--allow-fs-read=*']],
    ['signer', [...confinementFlags('signer', home), '--allow-net']],
    ['admin', [...confinementFlags('admin', home), '--allow-addons']],
    ['plugins', [...confinementFlags('plugins', home), '--allow-net']],
    ['mover', [...confinementFlags('mover', home), '--allow-worker']],
  ];
  for (const [name, flags] of wider) {
    const ran = await run([...flags, main, name], home.dir);
    assert.equal(ran.code, 1, name);
    assert.match(ran.out, /"code":"NOT_CONFINED"/, name);
  }
});

test('a home whose path would let in more than it names is refused: CONFIG_INVALID', () => {
  const dir = join(dirname(home.dir), 'a*');
  mkdirSync(dir);
  assert.throws(() => confinementFlags('guard', { ...home, dir }), { code: 'CONFIG_INVALID' });
  renameSync(dir, join(dirname(home.dir), 'a'));
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(args: readonly string[], cwd: string = home.dir): Promise<Ran> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}
