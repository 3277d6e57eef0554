/**
 * The process of the plug-ins: answers the guard, and says when their folder cannot be used. It has no
 * key, no content but what it is asked about, and no way out but its wires.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { asSallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { createPluginHost } from '../../plugins/host.ts';
import type { Running, TellTrouble } from '../child.ts';
import type { Handlers } from '../ipc/peer.ts';
import type { Wire } from '../ipc/wire.ts';
import type { Log } from '../log.ts';
import { pluginVerbs } from './verbs.ts';

export interface PluginsOptions {
  readonly guard: Wire;
  readonly admin: Wire;
  readonly dir: string;
  readonly secretsDir: string;
  readonly log: Log;
  readonly tellTrouble: TellTrouble;
}

export async function runPlugins(options: PluginsOptions): Promise<Running> {
  const { dir, secretsDir, log, tellTrouble } = options;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const host = createPluginHost(dir, secretsDir);
  let told = '';
  const check = (): { files: number; faults: number } => {
    try {
      const { files, faults } = host.folder();
      const now = faults.map(({ file, fault }) => `${file}: ${fault}`).join('; ');
      if (told !== now && now !== '') log.warn({ detail: now }, 'not all plug-ins can be used');
      if (told !== now) tellTrouble(undefined);
      told = now;
      return { files: files.length, faults: faults.length };
    } catch (thrown) {
      const error = asSallyportError(thrown);
      if (told !== error.message) tellTrouble(error);
      told = error.message;
      return { files: 0, faults: 1 };
    }
  };
  const forAdmin: Handlers = {
    status: () => ({ head: { ...check(), plugins: host.states() } }),
    metrics: async () => ({ head: await registry.getMetricsAsJSON() }),
  };
  const links = [options.guard(pluginVerbs(host)), options.admin(forAdmin)];
  log.info(check(), 'plug-ins found');
  const timer = setInterval(check, limits.pluginFolderCheckMs);
  return {
    async close() {
      clearInterval(timer);
      for (const link of links) link.close();
      await host.close();
    },
  };
}
