/** A file that a command is given. */
import { readFileSync } from 'node:fs';
import { SallyportError } from '@sallyport/shared/errors.ts';

/** Errors: USAGE where it is no file that can be read. */
export function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const { code = 'failed' } = cause as NodeJS.ErrnoException;
    throw new SallyportError('USAGE', `expected a file to read at ${file}, got ${code}`, { cause });
  }
}
