/** The plug-ins of a folder for one command, in a process that is started when the first is asked. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { AskPlugins } from '@sallyport/shared/plugins/ask.ts';
import { type SpawnedPlugins, spawnPlugins } from '@sallyport/shared/processes/plugins/spawn.ts';

export interface FolderPlugins {
  readonly ask: AskPlugins;
  readonly close: () => void;
}

/** Errors of `ask`: PLUGIN_MISSING where no folder was named. */
export function openPlugins(dir: string | undefined): FolderPlugins {
  let spawned: SpawnedPlugins | undefined;
  return {
    async ask(asks) {
      if (asks.length === 0) return [];
      if (dir === undefined) {
        throw new SallyportError('PLUGIN_MISSING', 'expected --plugins, for the policy asks some', {
          hint: 'name the folder of the plug-ins with --plugins DIR',
        });
      }
      spawned ??= spawnPlugins(dir);
      return spawned.ask(asks);
    },
    close: () => spawned?.close(),
  };
}
