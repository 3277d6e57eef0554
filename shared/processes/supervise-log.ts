/** A log file of bounded size: `x.log`, then `x.log.1` (newest) to `x.log.N`. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { limits } from '../limits.ts';

export interface LogFile {
  write(chunk: Uint8Array): void;
  close(): void;
}

/**
 * Appends to `path`. Writes at once and in order; a full disk costs log lines, never the node.
 * Errors: those of node:fs at opening only.
 */
export function openLogFile(
  path: string,
  bytesMax: number = limits.logFileBytesMax,
  filesMax: number = limits.logFilesMax,
): LogFile {
  const open = (): number => openSync(path, 'a', 0o600);
  let fd = open();
  let bytes = fstatSync(fd).size;
  const rotate = (): void => {
    closeSync(fd);
    for (let i = filesMax - 1; i > 0; i--) moveIfThere(`${path}.${i}`, `${path}.${i + 1}`);
    moveIfThere(path, `${path}.1`);
    fd = open();
    bytes = fstatSync(fd).size;
  };
  return {
    write(chunk) {
      try {
        if (bytes > 0 && bytes + chunk.length > bytesMax) rotate();
        bytes += writeSync(fd, chunk);
      } catch {
        // Nowhere to write that it cannot be written.
      }
    },
    close: () => closeSync(fd),
  };
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // It was not there yet.
  }
}
