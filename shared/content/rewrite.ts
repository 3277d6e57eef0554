/**
 * A document from bytes to bytes: strict JSON that fits its schema, of it what may cross, masked and
 * written anew. The straight path does it in one pass where it can; otherwise the document is parsed,
 * walked and written. Both give the same bytes, and every refusal comes from the latter. What is tried on
 * the straight path in vain costs twice, so it is not tried with long documents.
 */
import { limits } from '../limits.ts';
import { readDocument } from './json.ts';
import type { Rewritten, Tally, WalkRules } from './place.ts';
import { fileFields, type Schema } from './schema.ts';
import { compileStraight } from './straight/compile.ts';
import { createReader } from './straight/read.ts';
import { compileWalk } from './walk.ts';

/** Errors: JSON_REFUSED for what is not strict JSON or longer than that; the code of the rules. */
export type Rewrite = (document: Uint8Array, bytesMax: number) => Rewritten;

/** Compiles once for each schema, field set and masks. */
export function compileRewrite(rules: WalkRules): Rewrite {
  // Files are seen by the walk.
  const straight = fileFields(rules.schema).size > 0 ? undefined : compileStraight(rules);
  const slow = compileSlow(rules);
  if (straight === undefined) return slow;
  const straightMax = limits.straightBytesMax;
  return (document, bytesMax) =>
    (document.length <= Math.min(bytesMax, straightMax) ? straight(document) : undefined) ??
    slow(document, bytesMax);
}

/** Parse, walk, write: the norm for what the straight path does, and its way out. */
export function compileSlow(rules: WalkRules): Rewrite {
  const walk = compileWalk(rules);
  const reader = createReader(rules.fields);
  const stringBytesMax = stringBytesMaxOf(rules.schema);
  return (document, bytesMax) => {
    const tally: Tally = { dropped: 0, rules: {} };
    const { value, isWritten } = readDocument(reader, document, bytesMax, stringBytesMax);
    const left = walk(value, tally);
    if (left === undefined) return { ...tally, body: undefined };
    const isSame = isWritten && left === value;
    return { ...tally, body: Buffer.from(isSame ? document : JSON.stringify(left)) };
  };
}

/** How long a string in a document of that schema may be: a file takes more than a text. */
export function stringBytesMaxOf(schema: Schema): number {
  return fileFields(schema).size > 0 ? limits.fileTextBytesMax : limits.jsonStringBytesMax;
}
