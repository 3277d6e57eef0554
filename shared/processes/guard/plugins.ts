/**
 * The guard's line to the process of the plug-ins. Whatever goes wrong there is recorded, and never a
 * pass.
 */
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { type AskPlugins, createAskPlugins } from '../../plugins/ask.ts';
import type { IpcPeer } from '../ipc/peer.ts';
import type { SparingRecord } from './sparing.ts';

export interface PluginAsking {
  /** Absent where this node has no folder of plug-ins. */
  readonly link: Pick<IpcPeer, 'request'> | undefined;
  readonly refusals: SparingRecord;
  readonly now: () => number;
}

/** Errors: as AskPlugins. */
export function createPluginAsking({ link, refusals, now }: PluginAsking): AskPlugins {
  const ask = createAskPlugins(async (body) => {
    if (link === undefined) {
      throw new SallyportError('PLUGIN_MISSING', 'expected plugins.dir in config.yaml, got none');
    }
    return (await link.request('ask', null, body, limits.pluginAnswerMs)).body;
  });
  return async (asks) => {
    try {
      return await ask(asks);
    } catch (thrown) {
      const { code, message, rule } = asSallyportError(thrown);
      const named = rule !== undefined && { rule };
      refusals.record({ event: 'plugin', atMs: now(), code, ...named }, message);
      throw thrown;
    }
  };
}
