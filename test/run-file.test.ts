/** What `npm test` does with a file that never ends, and with what it started. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FileLimits, FileOutcome } from './run-file.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

/** In a process of its own: a test runs no tests. */
function outcomeOf(text: string, limits: FileLimits): { dir: string; outcome: FileOutcome } {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'one.test.mjs'), text);
  const code = `import { runFile } from ${JSON.stringify(join(import.meta.dirname, 'run-file.ts'))};
    const told = await runFile(${JSON.stringify(dir)}, 'one.test.mjs', ${JSON.stringify(limits)}, () => {});
    console.log(JSON.stringify(told));`;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  writeFileSync(join(dir, 'run.mjs'), code);
  const said = execFileSync(process.execPath, [join(dir, 'run.mjs')], { env });
  return { dir, outcome: JSON.parse(String(said)) as FileOutcome };
}

const hour = 3_600_000;

test('a file counts its tests, names those that failed and why others were left out', () => {
  const { outcome } = outcomeOf(
    `import { test } from 'node:test';
    test('good', () => {});
    test('bad', () => { throw new Error('no'); });
    test('left out', { skip: 'no tool' }, () => {});`,
    { silenceMsMax: hour, tookMsMax: hour },
  );
  const { passed, failed, skipped, faults } = outcome;
  assert.deepEqual({ passed, failed }, { passed: 1, failed: 1 });
  assert.deepEqual(skipped, ['left out: no tool']);
  assert.deepEqual(faults, ['bad']);
});

const hangs = `import { spawn } from 'node:child_process';
  import { writeFileSync } from 'node:fs';
  import { test } from 'node:test';
  const child = spawn('sleep', ['600']);
  process.once('exit', () => child.kill());
  test('hangs', () => new Promise(() => {
    writeFileSync('child', String(child.pid));
    TALK
  }));`;

for (const [what, talk, limits, told] of [
  ['is silent', '', { silenceMsMax: 4_000, tookMsMax: hour }, /one.test.mjs said nothing for 4 s/],
  [
    'talks and never ends',
    `setInterval(() => console.log('still here'), 100);`,
    { silenceMsMax: hour, tookMsMax: 4_000 },
    /one.test.mjs took more than 4 s/,
  ],
] as const) {
  test(`a file that ${what} fails by name, and what it started ends with it`, async () => {
    const { dir, outcome } = outcomeOf(hangs.replace('TALK', talk), limits);
    assert.ok(outcome.failed > 0);
    assert.match(outcome.faults.join('\n'), told);
    const child = Number(readFileSync(join(dir, 'child'), 'utf8'));
    await until(() => {
      try {
        return process.kill(child, 0) && false;
      } catch {
        return true;
      }
    });
  });
}
