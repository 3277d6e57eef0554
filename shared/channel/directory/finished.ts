/** When a file in a pick-up folder is finished, by the convention that its ferry keeps. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../limits.ts';

/**
 * `rename`: a final name is a finished file. `marker`: `<name>.done` lies beside it and is no older: one
 * that was left by an earlier delivery says nothing of a file that is being written again.
 * `stable`: size and times have not changed for a while.
 */
export type Convention = 'rename' | 'marker' | 'stable';

export const markerSuffix = '.done';

export interface Finished {
  /** Asked at each sweep about each package in the folder; `names` is all that lies there. */
  check(name: string, names: ReadonlySet<string>): Promise<boolean>;
  /** Forgets what is not in the folder any more. */
  forget(names: ReadonlySet<string>): void;
}

export function createFinished(dir: string, convention: Convention, stableMs: number): Finished {
  const seen = new Map<string, { print: string; sinceMs: number }>();

  const stable = async (name: string): Promise<boolean> => {
    const { size, mtimeMs, ctimeMs, ino } = await lstat(join(dir, name));
    const print = [size, mtimeMs, ctimeMs, ino].join(' ');
    const before = seen.get(name);
    if (before?.print === print) return performance.now() - before.sinceMs >= stableMs;
    if (seen.size < limits.spoolPackagesMax) seen.set(name, { print, sinceMs: performance.now() });
    return false;
  };
  const marked = async (name: string, names: ReadonlySet<string>): Promise<boolean> => {
    if (!names.has(name + markerSuffix)) return false;
    const [file, marker] = await Promise.all([
      lstat(join(dir, name), { bigint: true }),
      lstat(join(dir, name + markerSuffix), { bigint: true }),
    ]);
    return marker.mtimeNs >= file.mtimeNs;
  };
  return {
    async check(name, names) {
      if (convention === 'rename') return true;
      return convention === 'marker' ? marked(name, names) : stable(name);
    },
    forget(names) {
      for (const name of seen.keys()) if (!names.has(name)) seen.delete(name);
    },
  };
}
