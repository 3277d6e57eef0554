/** What the process of the plug-ins answers, on whatever line it is asked. */
import type { PluginHost } from '../../plugins/host.ts';
import type { Handlers } from '../ipc/peer.ts';

export function pluginVerbs(host: PluginHost): Handlers {
  return {
    ask: async (_, body) => ({ body: await host.answer(body) }),
    list: async () => ({ body: Buffer.from(JSON.stringify(await host.list())) }),
  };
}
