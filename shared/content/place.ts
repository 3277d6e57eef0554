/**
 * Where a value stands: its schema, the granted fields, the masks and the path, side by side. Both
 * ways through a document (walk.ts, straight/compile.ts) are compiled from places and from nothing
 * else, so they cannot differ in what is granted, required or masked.
 */
import type { ErrorCode } from '../errors.ts';
import { everyField, type FieldTree, formatStep } from './fields.ts';
import type { Json } from './json.ts';
import type { Schema } from './schema.ts';
import type { Work } from './work.ts';

/** A rule that changes a value before it leaves. */
export interface FieldMask {
  /** Evidence in the audit log, such as `keep $.phone`; unique among the masks of a route. */
  readonly id: string;
  /**
   * True where the transform reads the value, which is then checked against its schema first.
   * Otherwise `apply` gives the same for every value.
   */
  readonly reads: boolean;
  /** True where the field always leaves the document. */
  readonly drops: boolean;
  /** There where it costs so much more than to parse its value that nothing of it is tried in vain. */
  readonly isCostly?: boolean;
  /** The masked value; undefined: the field leaves the document. */
  apply(value: Json): Json | undefined;
  /** True for values that `apply` can return; these are plain. */
  verify(value: Json): boolean;
  /** The same for texts as they stand in a document, where the transform knows them by their bytes. */
  readonly bytes?: ByteMask | undefined;
}

/** A mask on the UTF-8 of a text that JSON writes without escapes. */
export interface ByteMask {
  /**
   * Writes at `to`, at most `byteMaskGrowthMax` more than it reads, what `apply` gives for the text, and
   * returns the end of it; -1: ask `apply`.
   */
  apply(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number;
  /** True where `verify` is; false: ask it. */
  verify(bytes: Uint8Array, start: number, end: number): boolean;
}

/** Characters of ASCII that stand for hidden ones. */
export const byteMaskGrowthMax = 64;

export interface MaskTree {
  readonly mask: FieldMask | undefined;
  readonly names: ReadonlyMap<string, MaskTree>;
  readonly items: MaskTree | undefined;
}

export interface WalkRules {
  readonly schema: Schema;
  readonly fields: FieldTree;
  readonly masks: MaskTree | undefined;
  /**
   * `release`: a field that schema or set does not name is dropped, masks are applied.
   * `verify`: such a field is refused, and a masked field must hold what its mask can return.
   */
  readonly mode: 'release' | 'verify';
  readonly code: ErrorCode;
  /** What detectors and masks count in; each pass over a document begins it anew. */
  readonly work?: Work | undefined;
}

/** A file as a field holds it. */
export interface FileText {
  /** The field, in normal form. */
  readonly at: string;
  /** Base64, in the one spelling of its bytes. */
  readonly text: string;
}

/** What a walk did. */
export interface Tally {
  /** Members and values that were left out, masks aside. */
  dropped: number;
  /** Mask id → how many values it changed. */
  readonly rules: Record<string, number>;
  /** Files that it saw in fields that may cross; absent where there are none. */
  files?: FileText[];
}

/** What became of a document. */
export interface Rewritten extends Readonly<Tally> {
  /** Regenerated JSON; undefined where nothing of the document may cross. */
  readonly body: Buffer | undefined;
}

export interface Place {
  readonly schema: Schema;
  readonly fields: FieldTree;
  readonly masks: MaskTree | undefined;
  /** The path, for errors. */
  readonly at: string;
}

/** A member that may cross. */
export interface Member {
  readonly name: string;
  readonly required: boolean;
  readonly place: Place;
}

export interface Items {
  readonly place: Place;
  readonly least: number;
  readonly most: number;
}

export function rootOf({ schema, fields, masks }: WalkRules): Place {
  return { schema, fields, masks, at: '$' };
}

/** Members in the order in which they are written; undefined where no object may cross here. */
export function membersOf(rules: WalkRules, place: Place): Member[] | undefined {
  const { whole, names } = place.fields;
  if (!whole && names.size === 0) return undefined;
  const members: Member[] = [];
  for (const [name, schema] of Object.entries(place.schema.properties ?? {})) {
    const fields = whole ? everyField : names.get(name);
    const masks = place.masks?.names.get(name);
    if (fields === undefined) continue;
    // A dropped member must not be there on the far side: it counts as unknown, and is not
    // required.
    if (rules.mode === 'verify' && masks?.mask?.drops) continue;
    const required = place.schema.required?.includes(name) ?? false;
    const at = place.at + formatStep(name);
    members.push({ name, required, place: { schema, fields, masks, at } });
  }
  return members;
}

/** Undefined where no array may cross here. */
export function itemsOf(rules: WalkRules, place: Place): Items | undefined {
  const { items: schema, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = place.schema;
  const fields = place.fields.whole ? everyField : place.fields.items;
  if (schema === undefined || fields === undefined) return undefined;
  const masks = place.masks?.items;
  // A mask may have dropped any of them.
  const least = rules.mode === 'release' || masks?.mask === undefined ? minItems : 0;
  return { place: { schema, fields, masks, at: `${place.at}[*]` }, least, most: maxItems };
}
