/** Records of a file through their walk: one by one, or in groups where plug-ins are asked. */
import type { Json } from '../content/json.ts';
import type { Tally } from '../content/place.ts';
import type { AskPlugins } from '../plugins/ask.ts';
import { askTogether } from '../plugins/together.ts';
import type { FileWalk } from './masking.ts';

/** Groups of at most `groupMax`. */
export async function* groupsOf(
  records: AsyncIterable<Json>,
  groupMax: number,
): AsyncGenerator<Json[]> {
  let group: Json[] = [];
  for await (const record of records) {
    group.push(record);
    if (group.length < groupMax) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/**
 * What is left of each; those of which nothing is are not there. Errors: RESPONSE_REFUSED, those of plug-
 * ins.
 */
export async function maskAll(
  { walk, open }: FileWalk,
  records: readonly Json[],
  tally: Tally,
  ask: AskPlugins,
): Promise<Json[]> {
  if (open === undefined) {
    return records.flatMap((record) => walk(record, tally) ?? []);
  }
  const opened = records.map((record) => open(record));
  const given = await askTogether(
    opened.map(({ asks }) => asks),
    ask,
  );
  return opened.flatMap(({ close }, index) => {
    const { left, dropped, rules } = close(given[index] ?? []);
    tally.dropped += dropped;
    for (const [rule, count] of Object.entries(rules)) {
      tally.rules[rule] = (tally.rules[rule] ?? 0) + count;
    }
    // Written once, so that nothing of an open place remains.
    return left === undefined ? [] : [JSON.parse(JSON.stringify(left)) as Json];
  });
}
