/** `npm run check`: types, format, lint, tidy rules. Every part runs, then the exit code tells. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);
const parts: [string, string, string[]][] = [
  ['types', bin('tsc'), ['--noEmit']],
  ['format and lint', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['tidy', process.execPath, ['--test', '--test-reporter=dot', join(root, 'test/tidy.test.ts')]],
];

let failed = false;
for (const [name, command, args] of parts) {
  const startedMs = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  process.stderr.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} ${Date.now() - startedMs} ms\n`);
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
