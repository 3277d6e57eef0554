/**
 * What a pick-up folder holds and we will not take: moved to `refused/` under a name of our own
 * choice, so that an operator can look at it; where that is full or impossible it stays, known.
 */
import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SallyportError } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { limits } from '../../limits.ts';
import type { ChannelSink } from '../../ports.ts';

export const refusedFolder = 'refused';

export interface Aside {
  put(name: string, error: SallyportError): Promise<void>;
  /** True for what was refused before and had to stay. */
  knows(name: string): boolean;
  /** Forgets what is not in the folder any more. */
  forget(names: ReadonlySet<string>): void;
}

export function createAside(pickupDir: string, sink: Pick<ChannelSink, 'refused'>): Aside {
  const folder = join(pickupDir, refusedFolder);
  const stayed = new Set<string>();
  const move = async (name: string): Promise<void> => {
    await mkdir(folder, { recursive: true });
    // The far side may have put a link here; what it points to is none of our business.
    if (!(await lstat(folder)).isDirectory()) throw new Error('not a folder');
    if ((await readdir(folder)).length >= limits.directoryRefusedMax) throw new Error('full');
    await rename(join(pickupDir, name), join(folder, newId()));
  };
  return {
    async put(name, { code, message }) {
      const shown = JSON.stringify(name.slice(0, limits.directoryShownNameMax));
      sink.refused(code, `${message}: ${shown}`);
      await move(name).catch(() => {
        if (stayed.size < limits.spoolPackagesMax) stayed.add(name);
      });
    },
    knows: (name) => stayed.has(name),
    forget(names) {
      for (const name of stayed) if (!names.has(name)) stayed.delete(name);
    },
  };
}
