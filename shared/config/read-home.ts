/**
 * A home as its files say. Only the command line and the supervisor read them: a process of a node is given
 * what they said, so that all of a node go by the same, and none has to load what parses it.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SallyportError } from '../errors.ts';
import { parseConfig } from './config.ts';
import { type Home, homePaths } from './home.ts';

/**
 * Reads and checks what `dir` holds. Errors: HOME_MISSING, CONFIG_INVALID (all faults at once).
 */
export function readHome(dir: string): Home {
  const absolute = resolve(dir);
  const paths = homePaths(absolute);
  return { dir: absolute, paths, config: parseConfig(readConfigText(paths.config), paths.config) };
}

function readConfigText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SallyportError('HOME_MISSING', `expected a node's config at ${file}`, {
      hint: 'name the directory of a node with --dir, or make one with `sallyport init`',
      cause,
    });
  }
}
