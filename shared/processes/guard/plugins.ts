/** The guard's line to the process of the plug-ins. What goes wrong there is recorded, and never a pass. */
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { type AskPlugins, createAskPlugins } from '../../plugins/ask.ts';
import type { Policy } from '../../policy/model.ts';
import { pluginFaults } from '../../policy/vet.ts';
import type { Wire } from '../ipc/wire.ts';
import type { SparingRecord } from './sparing.ts';

export interface GuardPlugins {
  /** Errors: as AskPlugins. Each is an audit event. */
  readonly ask: AskPlugins;
  /**
   * A policy came into force: it holds all the same, and each of its plug-ins that cannot be used is an
   * event, now and whenever their process is there anew.
   */
  watch(policy: Policy): void;
  close(): void;
}

export interface PluginsOptions {
  /** Undefined where this node has no folder of plug-ins. */
  readonly wire: Wire | undefined;
  readonly refusals: SparingRecord;
  readonly now: () => number;
}

export function createPlugins({ wire, refusals, now }: PluginsOptions): GuardPlugins {
  let watched: Policy | undefined;
  const vet = (): void => {
    const { plugins = [] } = watched ?? {};
    // While it starts there is nothing to be said.
    const isThere = link === undefined || link.connected;
    if (watched !== undefined && plugins.length > 0 && isThere) void pluginFaults(watched, ask);
  };
  const link = wire?.({}, { up: vet });
  const askThem = createAskPlugins(async (body) => {
    if (link === undefined) {
      throw new SallyportError('PLUGIN_MISSING', 'expected plugins.dir in config.yaml, got none');
    }
    return (await link.request('ask', null, body, limits.pluginAnswerMs)).body;
  });
  const ask: AskPlugins = async (asks) => {
    try {
      return await askThem(asks);
    } catch (thrown) {
      const { code, message, rule } = asSallyportError(thrown);
      const named = rule !== undefined && { rule };
      refusals.record({ event: 'plugin', atMs: now(), code, ...named }, message);
      throw thrown;
    }
  };
  return {
    ask,
    watch(policy) {
      watched = policy;
      vet();
    },
    close: () => link?.close(),
  };
}
