/**
 * The second net: whatever of an answer no mask covers is looked at by the detectors before it leaves.
 * It hangs on the same tree as the masks, at every plain value that may cross, so whoever walks the
 * document by that tree walks through the net too.
 */
import {
  everyField,
  type FieldTree,
  formatField,
  formatStep,
  parseField,
} from '../content/fields.ts';
import type { Json } from '../content/json.ts';
import type { FieldMask, MaskTree, Tally, WalkRules } from '../content/place.ts';
import type { Rewrite } from '../content/rewrite.ts';
import { compileScalar } from '../content/scalar.ts';
import { type Schema, typesOf } from '../content/schema.ts';
import type { Walk } from '../content/walk.ts';
import type { Work } from '../content/work.ts';
import type { Around } from '../detect/kinds.ts';
import { compileScan, numberMin, type Scan } from '../detect/scan.ts';
import { SallyportError } from '../errors.ts';
import type { Detect } from './net-rule.ts';
import { openPlace, type Plugged } from './open.ts';
import { hidden } from './text.ts';

export interface Net {
  /** The masks of the route, and the net where there is none. */
  readonly release: MaskTree | undefined;
  /** The same for the far side, where a hit is a refusal. */
  readonly verify: MaskTree | undefined;
  /** Makes its rules tell of hits alone: `detect mobile $.remark` → how many. */
  counted(rewrite: Rewrite): Rewrite;
  /** The same for a walk. */
  countedWalk(walk: Walk): Walk;
}

/** One knot of the net: how many values went through, and which of them were hits. */
interface Knot {
  readonly id: string;
  seen: number;
  readonly hits: { readonly at: number; readonly kind: string }[];
}

/** Casts the net over all that a grant lets through. `detect` absent: hits are masked. */
export function castNet(
  rules: Pick<WalkRules, 'schema' | 'fields' | 'masks' | 'work'>,
  detect: Detect = { hit: 'mask', open: [] },
  plugged?: Plugged,
): Net {
  const knots: Knot[] = [];
  const open = new Set(detect.open.map((field) => formatField(parseField(field) ?? [])));
  const options = { bankCardPrefixes: detect.bankCards ?? [], work: rules.work };
  const scanOf = (name: string, around: Around): Scan => compileScan(name, { ...options, around });
  const grow = (knot: MakeKnot): MaskTree =>
    growTree({ ...rules, at: '$', name: '', beside: [], above: [] }, open, knot);
  return {
    release: grow(({ at, name, ...around }) => {
      const knot = releaseKnot(at, scanOf(name, around), detect.hit, knots);
      return plugged ? askingKnot(knot, { at, name, hit: detect.hit, plugged }) : knot;
    }),
    verify: grow(({ at, name, schema, ...around }) => {
      const knot = verifyKnot(at, scanOf(name, around), schema, rules.work);
      return plugged ? askingKnot(knot, { at, name, hit: 'block', plugged }) : knot;
    }),
    counted: (rewrite) => (document, bytesMax) => {
      begin(knots);
      const rewritten = rewrite(document, bytesMax);
      return { ...rewritten, rules: hitsOnly(rewritten.rules, knots) };
    },
    countedWalk: (walk) => (value, tally) => {
      begin(knots);
      const own: Tally = { dropped: 0, rules: {} };
      const left = walk(value, own);
      tally.dropped += own.dropped;
      if (own.files) tally.files = [...(tally.files ?? []), ...own.files];
      for (const [rule, count] of Object.entries(hitsOnly(own.rules, knots))) {
        tally.rules[rule] = (tally.rules[rule] ?? 0) + count;
      }
      return left;
    },
  };
}

/** Of the rules that ran, those of the net; undefined where it found nothing. */
export function foundIn(
  rules: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> | undefined {
  const found = Object.entries(rules).filter(([id]) => id.startsWith(foundPrefix));
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

const foundPrefix = 'detect ';

/** The rule ids of hits that made an answer refused; undefined for any other error. */
export function hitsOf(error: SallyportError): Readonly<Record<string, number>> | undefined {
  return error.cause instanceof Hits ? error.cause.rules : undefined;
}

class Hits {
  readonly rules: Readonly<Record<string, number>>;

  constructor(rules: Readonly<Record<string, number>>) {
    this.rules = rules;
  }
}

function releaseKnot(at: string, scan: Scan, hit: Detect['hit'], knots: Knot[]): FieldMask {
  const knot: Knot = { id: `net ${at}`, seen: 0, hits: [] };
  knots.push(knot);
  return {
    id: knot.id,
    reads: true,
    drops: false,
    apply(value) {
      knot.seen += 1;
      const kind = isPlain(value) ? scan(value) : undefined;
      if (kind === undefined) return value;
      const rule = `${foundPrefix}${kind} ${at}`;
      if (hit === 'block') throw blocked(kind, at, rule);
      knot.hits.push({ at: knot.seen, kind: rule });
      return hidden;
    },
    verify: () => false,
  };
}

function blocked(kind: string, at: string, rule: string): SallyportError {
  return new SallyportError('RESPONSE_REFUSED', `expected no ${kind} in ${at}, found one`, {
    hint: 'add a mask for the field, or name it under detect.open if it may be seen',
    cause: new Hits({ [rule]: 1 }),
  });
}

/** What the detectors of this product let through, those of plug-ins are asked about. */
function askingKnot(
  knot: FieldMask,
  { at, name, hit, plugged }: { at: string; name: string; hit: Detect['hit']; plugged: Plugged },
): FieldMask {
  const { asking, detectors } = plugged;
  const ask = (text: string, found: () => void): void => {
    for (const use of detectors) {
      const rule = `${foundPrefix}${use.name} ${at}`;
      asking.ask(use, 'detector', [text, name], (spans, rules) => {
        if (Array.isArray(spans) && spans.length === 0) return;
        if (hit === 'block') throw blocked(use.name, at, rule);
        rules[rule] = (rules[rule] ?? 0) + 1;
        found();
      });
    }
  };
  return {
    ...knot,
    apply(value) {
      const left = knot.apply(value);
      if (typeof left !== 'string' || left === hidden || detectors.length === 0) return left;
      const { place, fill } = openPlace(left);
      ask(left, () => fill(hidden));
      return place;
    },
    verify(value) {
      if (!knot.verify(value)) return false;
      if (typeof value === 'string' && value !== hidden) ask(value, () => {});
      return true;
    },
  };
}

function verifyKnot(at: string, scan: Scan, schema: Schema, work?: Work): FieldMask {
  const check = compileScalar(schema, work);
  return {
    id: `net ${at}`,
    reads: true,
    drops: false,
    apply: (value) => value,
    verify: (value) =>
      value === hidden ||
      (check(value) === undefined && !(isPlain(value) && scan(value) !== undefined)),
  };
}

const isPlain = (value: Json): value is string | number =>
  typeof value === 'string' || typeof value === 'number';

/** A document that was walked twice went twice through each knot: only the last round counts. */
function hitsOnly(
  told: Readonly<Record<string, number>>,
  knots: readonly Knot[],
): Record<string, number> {
  const rules: Record<string, number> = {};
  for (const [id, count] of Object.entries(told)) {
    if (!id.startsWith('net ')) rules[id] = count;
  }
  for (const { id, seen, hits } of knots) {
    const round = seen - (told[id] ?? 0);
    for (const { at, kind } of hits) if (at > round) rules[kind] = (rules[kind] ?? 0) + 1;
  }
  return rules;
}

function begin(knots: readonly Knot[]): void {
  for (const knot of knots) {
    knot.seen = 0;
    knot.hits.length = 0;
  }
}

type MakeKnot = (twig: Twig) => FieldMask;

interface Twig extends Around {
  readonly schema: Schema;
  readonly fields: FieldTree;
  readonly masks: MaskTree | undefined;
  readonly at: string;
  /** Name of the nearest member above: what a detector knows of the field's meaning. */
  readonly name: string;
}

function growTree(twig: Twig, open: ReadonlySet<string>, knot: MakeKnot): MaskTree {
  const { schema, fields, masks, at, name, above } = twig;
  if (masks?.mask !== undefined || open.has(at)) {
    return { mask: masks?.mask, names: masks?.names ?? new Map(), items: masks?.items };
  }
  const types = typesOf(schema);
  const names = new Map<string, MaskTree>();
  const members = Object.keys(schema.properties ?? {});
  for (const [member, below] of Object.entries(schema.properties ?? {})) {
    const granted = fields.whole ? everyField : fields.names.get(member);
    if (granted === undefined) continue;
    const place = { at: at + formatStep(member), name: member };
    const around = { beside: members, above: name === '' ? above : [...above, name] };
    const inner = { schema: below, fields: granted, masks: masks?.names.get(member) };
    names.set(member, growTree({ ...inner, ...place, ...around }, open, knot));
  }
  const granted = fields.whole ? everyField : fields.items;
  const items =
    schema.items === undefined || granted === undefined
      ? undefined
      : growTree(
          { ...twig, schema: schema.items, fields: granted, masks: masks?.items, at: `${at}[*]` },
          open,
          knot,
        );
  const isLeaf = !types.includes('object') && !types.includes('array');
  const catches = isLeaf && fields.whole && canHold(schema);
  return { mask: catches ? knot(twig) : undefined, names, items };
}

/** False where the schema lets no value through that a detector could know. */
function canHold(schema: Schema): boolean {
  const types = typesOf(schema);
  // What is in a file is not looked for: docs/spec/files.md.
  if (schema.enum !== undefined || schema.contentEncoding !== undefined) return false;
  const isShaped = schema.format !== undefined && schema.format !== 'email';
  const isLong = (schema.maxLength ?? Number.POSITIVE_INFINITY) >= detectedLengthMin;
  if (types.includes('string') && !isShaped && isLong) return true;
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  const isLarge = maximum >= numberMin || minimum <= -numberMin;
  return (types.includes('number') || types.includes('integer')) && isLarge;
}

/** Nothing shorter is personal by itself: a name of two characters is, where its field says so. */
const detectedLengthMin = 2;
