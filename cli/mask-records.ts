/** Records of a file through their walk: one by one, or in groups where plug-ins are asked. */
import type { Json } from '@sallyport/shared/content/json.ts';
import type { Tally } from '@sallyport/shared/content/place.ts';
import type { AskPlugins } from '@sallyport/shared/plugins/ask.ts';
import { askTogether } from '@sallyport/shared/plugins/together.ts';
import type { FileWalk } from '@sallyport/shared/policy/masking.ts';

const groupMax = 512;

/** Groups of one where nobody is asked: a walk needs no company. */
export async function* groupsOf(
  records: AsyncIterable<Json>,
  { open }: FileWalk,
): AsyncGenerator<Json[]> {
  let group: Json[] = [];
  for await (const record of records) {
    group.push(record);
    if (open !== undefined && group.length < groupMax) continue;
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
