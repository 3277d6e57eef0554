/**
 * Several documents in one question: their asks of one kind go as one, and each gets its own answers
 * back.
 */
import type { Json } from '../content/json.ts';
import type { AskPlugins, PluginAsk } from './ask.ts';

/** The answers for each list of asks, in their order. Errors: those of plug-ins. */
export async function askTogether(
  lists: readonly (readonly PluginAsk[])[],
  ask: AskPlugins,
): Promise<Json[][][]> {
  const merged = new Map<
    string,
    { use: PluginAsk['use']; verb: PluginAsk['verb']; items: Json[] }
  >();
  const places = lists.map((asks) =>
    asks.map(({ use, verb, items }) => {
      const key = `${verb} ${use.name}`;
      const one = merged.get(key) ?? { use, verb, items: [] };
      merged.set(key, one);
      const from = one.items.length;
      one.items.push(...items);
      return { key, from, to: from + items.length };
    }),
  );
  const keys = [...merged.keys()];
  const given = await ask([...merged.values()]);
  return places.map((own) =>
    own.map(({ key, from, to }) => (given[keys.indexOf(key)] ?? []).slice(from, to)),
  );
}
