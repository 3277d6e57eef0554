/** From a route's masks and a grant's fields to what is done with a response on both nodes. */
import { type FieldPath, fieldTree, parseField } from '../content/fields.ts';
import type { FieldMask, MaskTree, WalkRules } from '../content/place.ts';
import { compileRewrite, type Rewrite } from '../content/rewrite.ts';
import type { Schema } from '../content/schema.ts';
import { compileWalk, type Walk } from '../content/walk.ts';
import { createWork } from '../content/work.ts';
import { SallyportError } from '../errors.ts';
import { costed } from './costs.ts';
import type { Recipient } from './keyed.ts';
import type { Mask } from './mask.ts';
import { castNet } from './net.ts';
import type { Detect } from './net-rule.ts';
import { type OpenRewrite, type OpenWalk, openRewrite, openWalk, type Plugged } from './open.ts';
import { compileMask } from './transforms.ts';

/** `release` masks what leaves the inner domain; `verify` checks on the far side that it did. */
export interface ResponseRewrites {
  readonly release: Rewrite;
  readonly verify: Rewrite;
}

export interface ResponseOptions {
  /** Whose keys the keyed masks use; needed to release, not to verify. */
  readonly recipient?: Recipient | undefined;
  /** What the second net does; absent: it masks. */
  readonly detect?: Detect | undefined;
}

/**
 * Compiles both for one consumer on one route. Errors: POLICY_INVALID for a malformed field.
 */
export function compileResponse(
  schema: Schema,
  fields: readonly string[],
  masks: readonly Mask[],
  options: ResponseOptions = {},
): ResponseRewrites {
  const rules = responseRules(schema, fields, masks, options.recipient);
  const net = castNet(rules, options.detect);
  return {
    release: net.counted(compileRewrite({ ...rules, masks: net.release, mode: 'release' })),
    verify: compileRewrite({ ...rules, masks: net.verify, mode: 'verify' }),
  };
}

/**
 * The release of one document after the other, for records of a stream: parsed ones, and those that are
 * bytes. Errors: POLICY_INVALID.
 */
export function compileRecords(
  schema: Schema,
  fields: readonly string[],
  masks: readonly Mask[],
  options: ResponseOptions = {},
): { readonly walk: Walk; readonly rewrite: Rewrite } {
  const rules = responseRules(schema, fields, masks, options.recipient);
  const net = castNet(rules, options.detect);
  const release = { ...rules, masks: net.release, mode: 'release' } as const;
  return {
    walk: net.countedWalk(compileWalk(release)),
    rewrite: net.counted(compileRewrite(release)),
  };
}

/** Both with places left open for plug-ins. Errors: POLICY_INVALID, PLUGIN_MISSING. */
export function compileOpenResponse(
  schema: Schema,
  fields: readonly string[],
  masks: readonly Mask[],
  { recipient, detect, plugged }: ResponseOptions & { readonly plugged: Plugged },
): { readonly release: OpenRewrite; readonly verify: OpenRewrite } {
  const rules = responseRules(schema, fields, masks, recipient, plugged);
  const net = castNet(rules, detect, plugged);
  const { asking, checks } = plugged;
  const release = net.countedWalk(compileWalk({ ...rules, masks: net.release, mode: 'release' }));
  const verify = compileWalk({ ...rules, masks: net.verify, mode: 'verify' });
  return {
    release: openRewrite(release, asking, checks),
    // Of what the inner node masked there is nothing left to check as a whole.
    verify: openRewrite(verify, asking, []),
  };
}

/** The release of parsed documents, one after the other, with places left open. Errors: as above. */
export function compileOpenRecords(
  schema: Schema,
  fields: readonly string[],
  masks: readonly Mask[],
  { recipient, detect, plugged }: ResponseOptions & { readonly plugged: Plugged },
): OpenWalk {
  const rules = responseRules(schema, fields, masks, recipient, plugged);
  const net = castNet(rules, detect, plugged);
  const walk = net.countedWalk(compileWalk({ ...rules, masks: net.release, mode: 'release' }));
  return openWalk(walk, plugged.asking, plugged.checks);
}

/** What all of these compile. Errors: POLICY_INVALID, PLUGIN_MISSING. */
export function responseRules(
  schema: Schema,
  fields: readonly string[],
  masks: readonly Mask[],
  recipient?: Recipient,
  plugged?: Plugged,
): Omit<WalkRules, 'mode'> {
  const work = createWork('RESPONSE_REFUSED');
  return {
    schema,
    fields: fieldTree(fields.map(fieldOf)),
    masks: maskTree(
      masks.map((mask) => ({
        path: fieldOf(mask.field),
        mask: costed(mask, compileMask(mask, recipient, plugged), work),
      })),
    ),
    code: 'RESPONSE_REFUSED',
    work,
  };
}

interface PlacedMask {
  readonly path: FieldPath;
  readonly mask: FieldMask;
}

function maskTree(placed: readonly PlacedMask[]): MaskTree | undefined {
  if (placed.length === 0) return undefined;
  const names = new Map<string, MaskTree>();
  for (const { path } of placed) {
    const name = path[0];
    const below = typeof name === 'string' ? maskTree(under(placed, name)) : undefined;
    if (typeof name === 'string' && below !== undefined) names.set(name, below);
  }
  return {
    mask: placed.find(({ path }) => path.length === 0)?.mask,
    names,
    items: maskTree(under(placed, null)),
  };
}

function under(placed: readonly PlacedMask[], step: string | null): PlacedMask[] {
  const inside = placed.filter(({ path }) => path.length > 0 && path[0] === step);
  return inside.map(({ path, mask }) => ({ path: path.slice(1), mask }));
}

function fieldOf(text: string): FieldPath {
  const path = parseField(text);
  if (path !== undefined) return path;
  throw new SallyportError('POLICY_INVALID', 'expected a field path, got another text', {
    hint: 'write fields as $.name, $.address.district or $.items[*].name',
  });
}
