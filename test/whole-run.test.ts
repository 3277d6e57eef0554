/** The search after a whole run finds what was planted, wherever it was. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { declaredVariable } from './declared.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';
import { startWholeRun, type WholeRun } from './whole-run.ts';

const value = 'a value that nobody else has';

function startRun(t: TestContext): WholeRun {
  const run = startWholeRun();
  t.after(run.close);
  const file = run.env[declaredVariable] ?? '';
  writeFileSync(file, `${JSON.stringify({ name: 'planted', value })}\n`, { flag: 'a' });
  return run;
}

test('a run in which nothing is anywhere has no fault', (t) => {
  const run = startRun(t);
  run.printed('one.test.ts', 'well');
  assert.deepEqual(run.faults(), []);
});

test('what a test file printed is searched', (t) => {
  const run = startRun(t);
  run.printed('one.test.ts', 'x'.repeat(1000));
  run.printed('one.test.ts', `Error: ${value}`);
  run.printed('two.test.ts', `sp_0123456789ab_${'x'.repeat(43)}`);
  assert.deepEqual(run.faults(), [
    'printed by one.test.ts: planted',
    'printed by two.test.ts: an API key',
  ]);
});

test('what was left outside of the common folders is searched, but for places of its own', (t) => {
  const run = startRun(t);
  const dir = run.env.TMPDIR ?? '';
  for (const place of ['node/keys/pin', 'node/log/a.log', 'core.123']) {
    mkdirSync(join(dir, place, '..'), { recursive: true });
    writeFileSync(join(dir, place), `\\0${value}\\0`);
  }
  const found = ['left at core.123: planted', 'left at node/log/a.log: planted'];
  assert.deepEqual(run.faults().sort(), found);
});

for (const [what, args, env] of [
  ['arguments', [value], {}],
  ['environment', [], { PLANTED: value }],
] as const) {
  test(`the ${what} of a process are searched, also when it has ended`, async (t) => {
    const run = startRun(t);
    const child = spawn('sh', ['-c', 'while sleep 0.1; do :; done', ...args], {
      env: { ...process.env, ...env },
    });
    t.after(() => child.kill('SIGKILL'));
    await until(() => run.faults().some((fault) => fault.startsWith(`${what} of sh`)));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    assert.match(run.faults().join(), new RegExp(`${what} of sh -c while.*: planted`));
  });
}

test('a test file declares its values, and those of the nodes that it made', async (t) => {
  const run = startWholeRun();
  t.after(run.close);
  const dir = temporaryFolder();
  const from = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
  writeFileSync(
    join(dir, 'one.test.mjs'),
    `import { mkdirSync, writeFileSync } from 'node:fs';
    import { sentinel } from ${from('attack/sentinels.ts')};
    import { temporaryFolder } from ${from('temporary-folder.ts')};
    const home = temporaryFolder() + '/outer';
    mkdirSync(home + '/keys', { recursive: true });
    writeFileSync(home + '/keys/pin', 'the PIN of a node');
    console.log('it says', sentinel('a body').value, 'and the PIN of a node');`,
  );
  const hour = 3_600_000;
  const limits = { silenceMsMax: hour, tookMsMax: hour };
  // In a process of its own: a test runs no tests.
  const code = `import { runFile } from ${from('run-file.ts')};
    const told = (text) => process.stdout.write(text);
    await runFile(${JSON.stringify(dir)}, 'one.test.mjs', ${JSON.stringify(limits)}, told);`;
  writeFileSync(join(dir, 'run.mjs'), code);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(dir, 'run.mjs')], { env: { ...env, ...run.env } });
  child.stdout.on('data', (part) => run.printed('one', String(part)));
  await new Promise((resolve) => child.once('close', resolve));
  assert.deepEqual(run.faults().sort(), ['printed by one: PIN', 'printed by one: a body']);
});
