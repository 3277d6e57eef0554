/** A file that a command makes where its user says. */
import { writeFileSync } from 'node:fs';
import { SallyportError } from '@sallyport/shared/errors.ts';

/** In the place of another only where `over` says so. Errors: USAGE where it cannot be written. */
export function writeOut(
  file: string,
  content: string | Uint8Array,
  { mode, over = false }: { readonly mode?: number; readonly over?: boolean } = {},
): void {
  try {
    writeFileSync(file, content, { flag: over ? 'w' : 'wx', ...(mode !== undefined && { mode }) });
  } catch (cause) {
    const { code = 'failed' } = cause as NodeJS.ErrnoException;
    const got = code === 'EEXIST' ? 'one that is there' : code;
    throw new SallyportError('USAGE', `expected a new file at ${file}, got ${got}`, {
      hint: 'name another file, in a folder that is there',
      cause,
    });
  }
}
