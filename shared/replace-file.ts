import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes a file of mode 0600, durably. A crash at any moment leaves the old content or the new one,
 * never a mixture; of two writers, the last wins. Throws what the file system throws.
 */
export function replaceFile(path: string, content: Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  try {
    withOpen(temporary, 'wx', (file) => {
      writeFileSync(file, content);
      fsyncSync(file);
    });
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  }
  withOpen(dirname(path), 'r', fsyncSync);
}

function withOpen(path: string, flags: string, use: (file: number) => void): void {
  const file = openSync(path, flags, 0o600);
  try {
    use(file);
  } finally {
    closeSync(file);
  }
}
