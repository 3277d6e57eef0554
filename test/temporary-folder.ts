import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];
process.once('exit', () => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

/** A new folder that goes with the process: each test file runs in its own. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  made.push(dir);
  return dir;
}
