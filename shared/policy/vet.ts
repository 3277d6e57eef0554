/**
 * Whether the plug-ins of a policy can be used where it is to be in force: there, of their kind, with
 * their options.
 */
import { asSallyportError } from '../errors.ts';
import type { AskPlugins } from '../plugins/ask.ts';
import type { Policy } from './model.ts';

/** What is wrong, one text for each plug-in; those that are in `known` as they are now are not asked. */
export async function pluginFaults(
  { plugins = [] }: Policy,
  ask: AskPlugins,
  known: Policy | undefined = undefined,
): Promise<string[]> {
  const before = new Set((known?.plugins ?? []).map((entry) => JSON.stringify(entry)));
  const fresh = plugins.filter((entry) => !before.has(JSON.stringify(entry)));
  const told = fresh.map(async (use) => {
    try {
      await ask([{ use, verb: use.kind, items: [] }]);
      return [];
    } catch (thrown) {
      return [asSallyportError(thrown).message];
    }
  });
  return (await Promise.all(told)).flat();
}
