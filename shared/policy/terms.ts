/**
 * The terms of a grant and of a deny rule: when it holds, how much it allows, which fields it exempts
 * from their masks. As the policy's author writes them, in normal form, and their faults.
 */
import { z } from 'zod';
import { type FieldPath, formatField, parseField } from '../content/fields.ts';
import { limits } from '../limits.ts';
import { readCondition } from './conditions.ts';
import { actorPattern, namePattern } from './model.ts';
import type { SourcePath } from './source.ts';
import { untilMs } from './until.ts';

/** The periods that a limit can have, shortest first. */
export const periods = ['perSecond', 'perMinute', 'perHour', 'perDay'] as const;
export type Period = (typeof periods)[number];

/** Calls in each period; at least one is named. */
export type Rates = { readonly [P in Period]?: number };

/** A field that one consumer gets as it is, although the route masks it. */
export interface Exception {
  /** Exactly the field of a mask, in normal form. */
  readonly field: string;
  readonly reason: string;
  /** Who answers for it. */
  readonly approver: string;
  /** First millisecond at which the mask is back. */
  readonly untilMs: number;
}

/** When a rule holds. */
export interface Terms {
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** A condition of conditions.ts. */
  readonly when?: string;
}

/** What no grant can allow. */
export interface Deny extends Terms {
  readonly name: string;
  readonly reason: string;
  /** Absent: all. */
  readonly consumers?: readonly string[];
  /** `service/route`. Absent: all. */
  readonly flows?: readonly string[];
}

const calls = z.int().min(1).max(limits.rateCallsMax);
/** The same in the text and in the bundle. */
export const ratesShape = z
  .strictObject({
    perSecond: calls.optional(),
    perMinute: calls.optional(),
    perHour: calls.optional(),
    perDay: calls.optional(),
  })
  .refine((rates) => Object.keys(rates).length > 0, 'expected a number of calls for some period');

const name = z.string().regex(namePattern, 'expected a name of a-z, 0-9 and hyphens, at most 63');
const reason = z
  .string()
  .min(limits.exceptionReasonMin)
  .max(limits.exceptionReasonMax)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'expected one line of plain text');
const approver = z.string().regex(actorPattern, 'expected the name of a person');
const when = z.string().min(1);
const ms = z.int().min(0);

/** As the author writes them. */
export const exceptionTextShape = z.strictObject({
  field: z.string(),
  reason,
  approver,
  until: z.string(),
});
export const termTexts = {
  from: z.string().optional(),
  until: z.string().optional(),
  when: when.optional(),
};
export const denyTextShape = z.strictObject({
  name,
  reason,
  consumers: z.array(z.string()).min(1).optional(),
  groups: z.array(z.string()).min(1).optional(),
  routes: z.array(z.string()).min(1).optional(),
  ...termTexts,
});
export type TermsText = {
  from?: string | undefined;
  until?: string | undefined;
  when?: string | undefined;
};
export type ExceptionText = z.infer<typeof exceptionTextShape>;
export type DenyText = z.infer<typeof denyTextShape>;

/** As the bundle holds them. A condition is read again: nothing outside the profile is ever run. */
const condition = when.refine((text) => 'condition' in readCondition(text));
export const termShapes = {
  fromMs: ms.optional(),
  untilMs: ms.optional(),
  when: condition.optional(),
};
export const exceptionShape = z.strictObject({
  field: z.string().max(1024),
  reason,
  approver,
  untilMs: ms,
});
export const denyShape = z.strictObject({
  name,
  reason,
  consumers: z.array(name).min(1).optional(),
  flows: z.array(z.string()).min(1).optional(),
  ...termShapes,
});

/** First millisecond of `from`: a date counts from its beginning in UTC. */
function fromMs(text: string): number | undefined {
  const end = untilMs(text);
  return end !== undefined && text.length === '2027-06-30'.length ? end - dayMs : end;
}

const dayMs = 86_400_000;

/** Only for texts without faults. */
export function termsOf({ from, until, when: text }: TermsText): Terms {
  const fromAt = from === undefined ? undefined : fromMs(from);
  const untilAt = until === undefined ? undefined : untilMs(until);
  return {
    ...(fromAt !== undefined && { fromMs: fromAt }),
    ...(untilAt !== undefined && { untilMs: untilAt }),
    ...(text !== undefined && { when: text.trim() }),
  };
}

/** Without the periods that are not named. */
export function ratesOf(text: z.infer<typeof ratesShape>): Rates {
  return Object.fromEntries(Object.entries(text).filter(([, calls]) => calls !== undefined));
}

/** Exceptions in normal form, by field; only those that a route's masks know. */
export function exceptionsOf(
  texts: readonly ExceptionText[],
  masked: ReadonlySet<string>,
): Exception[] {
  return texts
    .map(({ field, reason: why, approver: who, until }) => ({
      field: formatField(parseField(field) ?? []),
      reason: why,
      approver: who,
      untilMs: untilMs(until) ?? 0,
    }))
    .filter(({ field }) => masked.has(field))
    .toSorted((a, b) => (a.field < b.field ? -1 : 1));
}

export type AddFault = (path: SourcePath, message: string) => void;

const dateHelp = 'expected a date such as 2027-06-30, or RFC 3339 with an offset';

/** Faults of dates and condition. */
export function termFaults(text: TermsText, path: SourcePath, add: AddFault): void {
  const from = text.from === undefined ? undefined : fromMs(text.from);
  const until = text.until === undefined ? undefined : untilMs(text.until);
  if (text.from !== undefined && from === undefined) add([...path, 'from'], dateHelp);
  if (text.until !== undefined && until === undefined) add([...path, 'until'], dateHelp);
  if (from !== undefined && until !== undefined && from >= until) {
    add([...path, 'until'], 'expected an end after "from"');
  }
  if (text.when === undefined) return;
  const read = readCondition(text.when.trim());
  if ('fault' in read) add([...path, 'when'], read.fault);
}

/**
 * Faults of exceptions. `masked`: fields with a mask on some route of the grant; `covers` says whether
 * the grant gives a field.
 */
export function exceptionFaults(
  texts: readonly ExceptionText[],
  about: {
    readonly path: SourcePath;
    readonly masked: ReadonlySet<string>;
    readonly covers: (field: FieldPath) => boolean;
    readonly nowMs: number;
  },
  add: AddFault,
): void {
  const seen = new Set<string>();
  texts.forEach(({ field, until }, index) => {
    const at = [...about.path, 'unmasked', index];
    const path = parseField(field);
    const normal = path && formatField(path);
    if (path === undefined || normal === undefined || !about.masked.has(normal)) {
      add([...at, 'field'], 'expected exactly the field of a mask of the route');
    } else {
      if (seen.has(normal)) add([...at, 'field'], 'expected one exception for a field');
      if (!about.covers(path)) add([...at, 'field'], 'expected a field that the grant gives');
      seen.add(normal);
    }
    const endMs = untilMs(until);
    if (endMs === undefined) add([...at, 'until'], dateHelp);
    else if (endMs - about.nowMs > limits.exceptionMsMax) {
      const days = limits.exceptionMsMax / dayMs;
      add([...at, 'until'], `expected an end at most ${days} days from now`);
    }
  });
}
