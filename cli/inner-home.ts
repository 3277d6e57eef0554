/** Verbs that only the inner node has, since it alone is the authority of the policy. */
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { Command } from 'commander';

/** Declares it of a verb: with the home of an outer node it is refused before it does anything. */
export function ofInner(verb: Command): Command {
  return verb
    .requiredOption('--dir <dir>', 'home of the inner node')
    .hook('preAction', () => void requireInner(verb.opts().dir));
}

/** The home in `dir`. Errors: HOME_MISSING, CONFIG_INVALID, and USAGE on the outer node. */
export function requireInner(dir: string): string {
  const home = readHome(dir);
  if (home.config.role === 'inner') return home.dir;
  throw new SallyportError(
    'USAGE',
    `expected the inner node, got the outer node ${home.config.node}`,
    {
      hint: 'the inner node alone says who may call and what crosses: name its home with --dir, on its side',
    },
  );
}
