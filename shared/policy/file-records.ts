/** Records of a file through their walk: one by one, or in groups where plug-ins are asked. */
import type { Json } from '../content/json.ts';
import type { Tally } from '../content/place.ts';
import type { Rewrite } from '../content/rewrite.ts';
import { limits } from '../limits.ts';
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

/** Texts of records through their rewrite, as maskAll does. Errors: JSON_REFUSED, RESPONSE_REFUSED. */
export function rewriteAll(rewrite: Rewrite, texts: readonly Buffer[], tally: Tally): Uint8Array[] {
  return texts.flatMap((text) => {
    const { body, ...counts } = rewrite(text, limits.recordBytesMax);
    addTally(tally, counts);
    return body ?? [];
  });
}

export function addTally(tally: Tally, { dropped, rules }: Readonly<Tally>): void {
  tally.dropped += dropped;
  for (const rule in rules) tally.rules[rule] = (tally.rules[rule] ?? 0) + (rules[rule] ?? 0);
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
    const { left, ...counts } = close(given[index] ?? []);
    addTally(tally, counts);
    // Written once, so that nothing of an open place remains.
    return left === undefined ? [] : [JSON.parse(JSON.stringify(left)) as Json];
  });
}
