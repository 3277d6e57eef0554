/** Masks records of a file by the inner node: by its policy in force, with keys that stay there. */
import { type Json, parseJson } from '@sallyport/shared/content/json.ts';
import type { Tally } from '@sallyport/shared/content/place.ts';
import type { Schema } from '@sallyport/shared/content/schema.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { addTally } from '@sallyport/shared/policy/file-records.ts';
import { actor } from './actor.ts';
import { openControl } from './control.ts';
import { requireInner } from './inner-home.ts';
import type { RecordMasker } from './mask-by-policy.ts';

/** Errors: HOME_MISSING, NODE_NOT_RUNNING, RIGHT_MISSING, and others of the node. */
export async function maskerOfNode(flags: {
  readonly dir: string;
  readonly consumer: string;
  readonly route: string;
}): Promise<RecordMasker> {
  const order = { actor: actor(), consumer: flags.consumer, flow: flags.route };
  const { ask, close } = await openControl(requireInner(flags.dir));
  const ordered = async (texts: readonly string[], tally: Tally): Promise<readonly Json[]> => {
    const { head, body } = await ask('mask-records', order, Buffer.from(`[${texts.join()}]`));
    addTally(tally, head as Tally);
    const left = parseJson(body, limits.ipcFrameBytesMax);
    return Array.isArray(left) ? left : [];
  };
  try {
    const { head } = await ask('mask-records', order);
    const shape = head as { recordSchema: Schema; columns: readonly string[] };
    return {
      ...shape,
      groupMax: limits.maskRecordsMax,
      async mask(records, tally) {
        const left: Json[] = [];
        for (const texts of ordersOf(records)) left.push(...(await ordered(texts, tally)));
        return left;
      },
      close,
    };
  } catch (thrown) {
    close();
    throw thrown;
  }
}

/** Records as text, as many in one order as it may have bytes; at least one. */
function* ordersOf(records: readonly Json[]): Generator<string[]> {
  let texts: string[] = [];
  let bytes = 0;
  for (const record of records) {
    const text = JSON.stringify(record);
    const more = Buffer.byteLength(text);
    if (texts.length > 0 && bytes + more > limits.maskRecordsBytes) {
      yield texts;
      texts = [];
      bytes = 0;
    }
    texts.push(text);
    bytes += more;
  }
  if (texts.length > 0) yield texts;
}
