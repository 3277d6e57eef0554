/** One plug-in in a folder of its own, tried in the process and the realm in which a node runs it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AskPlugins, PluginKind, PluginUse } from '@sallyport/shared/plugins/ask.ts';
import type { Listed } from '@sallyport/shared/plugins/host.ts';
import { type SpawnedPlugins, spawnPlugins } from '@sallyport/shared/processes/plugins/spawn.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface Tried {
  readonly dir: string;
  readonly host: SpawnedPlugins;
  readonly ask: AskPlugins;
  readonly listed: Listed | undefined;
  readonly use: PluginUse;
}

export async function tryPlugin(
  t: TestContext,
  source: string,
  { file = 'one.js', kind = 'transform' }: { file?: string; kind?: PluginKind } = {},
): Promise<Tried> {
  const dir = temporaryFolder();
  writeFileSync(join(dir, file), source, { mode: 0o600 });
  const host = spawnPlugins(dir);
  t.after(() => host.close());
  const [listed] = await host.list();
  return { dir, host, ask: host.ask, listed, use: useOf(listed, kind) };
}

export function useOf(listed: Listed | undefined, kind: PluginKind): PluginUse {
  return { name: 'under-test', kind, digest: listed?.digest ?? 'none' };
}
