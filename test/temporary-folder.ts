import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { declare } from './declared.ts';
import { leftBehind, ownSecrets } from './left-behind.ts';

const made: string[] = [];
process.once('exit', () => {
  declare(made.flatMap(ownSecrets));
  const found = made.flatMap(leftBehind);
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
  if (found.length === 0) return;
  // The file that made the folders fails, though each of its tests passed.
  console.error(['a value or credential was left behind:', ...found].join('\n  '));
  process.exitCode = 1;
});

/**
 * A new folder that goes with the process: each test file runs in its own. What nodes left in it is
 * searched first.
 */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  made.push(dir);
  return dir;
}
