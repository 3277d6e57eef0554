/**
 * How much of its limits a consumer has used on one flow.
 *
 * perSecond, perMinute and perHour are rates: a continuous-state leaky bucket, which is GCRA told the
 * other way round (ITU-T I.371): a level that every call raises by one and that sinks by `limit` in a
 * period. perDay is a quota: an exact count for each day of UTC.
 */
import { type Period, periods, type Rates } from './terms.ts';

/** What was used, as of `atMs`; kept beyond a restart. */
export interface Usage {
  readonly atMs: number;
  /** Level of each rate in calls; absent: 0. */
  readonly levels: Readonly<Partial<Record<Period, number>>>;
  /** The latest day of UTC that had a call, counted from 1970; its calls, and those of the day before. */
  readonly day: number;
  readonly usedToday: number;
  readonly usedBefore: number;
}

export const unused: Usage = { atMs: 0, levels: {}, day: 0, usedToday: 0, usedBefore: 0 };

/** How calls come that were counted elsewhere before, and are counted once more. */
export interface Late {
  /** How late one may be, and so how bunched they may be. */
  readonly byMs: number;
  /** When this one was counted, as it says itself. */
  readonly countedAtMs: number;
}

/** What is left of one limit. */
export interface Left {
  readonly period: Period;
  readonly limit: number;
  readonly remaining: number;
  /** Until all of it is there again. */
  readonly resetMs: number;
}

export type Taken =
  | { readonly usage: Usage; readonly left: readonly Left[]; readonly retryAfterMs?: undefined }
  | { readonly usage?: undefined; readonly left: readonly Left[]; readonly retryAfterMs: number };

export const periodMs: Readonly<Record<Period, number>> = {
  perSecond: 1_000,
  perMinute: 60_000,
  perHour: 3_600_000,
  perDay: 86_400_000,
};

/** Takes one call of every limit, or of none: then `retryAfterMs` says when one more would fit. */
export function takeCall(
  rates: Rates,
  before: Usage,
  nowMs: number,
  { byMs, countedAtMs }: Late = { byMs: 0, countedAtMs: nowMs },
): Taken {
  const now = { ...asOf(before, rates, nowMs, byMs), ...daysOf(before, countedAtMs) };
  // A day that is neither of the two is over: what still comes of it is the day before's.
  const isToday = dayOf(countedAtMs) >= now.day;
  const used = isToday ? now.usedToday : now.usedBefore;
  const waits = namedPeriods(rates).map(([period, limit]) => {
    if (period === 'perDay') return used < limit ? 0 : (now.day + 1) * periodMs.perDay - nowMs;
    const above = (now.levels[period] ?? 0) + 1 - depthOf(period, limit, byMs);
    return above <= rounding ? 0 : (above * periodMs[period]) / limit;
  });
  const retryAfterMs = Math.max(...waits);
  if (retryAfterMs > 0) return { left: leftOf(rates, now, nowMs), retryAfterMs };
  const levels: Partial<Record<Period, number>> = {};
  for (const [period] of namedPeriods(rates)) {
    if (period !== 'perDay') levels[period] = (now.levels[period] ?? 0) + 1;
  }
  const day = isToday ? { usedToday: used + 1 } : { usedBefore: used + 1 };
  const usage = { ...now, levels, ...day };
  return { usage, left: leftOf(rates, usage, nowMs) };
}

/** Sunk to this moment. A clock that was set back makes nothing sink. */
function asOf(usage: Usage, rates: Rates, nowMs: number, byMs: number): Usage {
  const passedMs = Math.max(0, nowMs - usage.atMs);
  const levels: Partial<Record<Period, number>> = {};
  for (const [period, limit] of namedPeriods(rates)) {
    if (period === 'perDay') continue;
    // Not above a limit that was lowered since.
    const level = Math.min(depthOf(period, limit, byMs), usage.levels[period] ?? 0);
    levels[period] = Math.max(0, level - (passedMs * limit) / periodMs[period]);
  }
  return { ...usage, atMs: nowMs, levels };
}

/** How many calls fit at once: those that may be late come together with those that are not. */
function depthOf(period: Period, limit: number, byMs: number): number {
  return limit + (byMs * limit) / periodMs[period];
}

function dayOf(atMs: number): number {
  return Math.floor(atMs / periodMs.perDay);
}

/** A later day than all before makes the latest one the day before, where it is that. */
function daysOf(usage: Usage, atMs: number): Pick<Usage, 'day' | 'usedToday' | 'usedBefore'> {
  const day = dayOf(atMs);
  const { usedToday, usedBefore } = usage;
  if (day <= usage.day) return { day: usage.day, usedToday, usedBefore };
  return { day, usedToday: 0, usedBefore: day === usage.day + 1 ? usedToday : 0 };
}

function leftOf(rates: Rates, usage: Usage, nowMs: number): Left[] {
  return namedPeriods(rates).map(([period, limit]) => {
    if (period === 'perDay') {
      const used = dayOf(nowMs) < usage.day ? usage.usedBefore : usage.usedToday;
      const resetMs = (dayOf(nowMs) + 1) * periodMs.perDay - nowMs;
      return { period, limit, remaining: Math.max(0, limit - used), resetMs };
    }
    const level = usage.levels[period] ?? 0;
    const remaining = Math.max(0, Math.floor(limit - level + rounding));
    return { period, limit, remaining, resetMs: (level * periodMs[period]) / limit };
  });
}

function namedPeriods(rates: Rates): [Period, number][] {
  return periods.flatMap((period): [Period, number][] => {
    const limit = rates[period];
    return limit === undefined ? [] : [[period, limit]];
  });
}

/** Levels are sums of fractions. */
const rounding = 1e-6;

/**
 * `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10: lists of structured
 * fields (RFC 9651) in which each limit goes by its name in the policy.
 */
export function rateHeaders(left: readonly Left[]): Record<string, string> {
  const policy = left.map(({ period, limit }) => {
    return `"${period}";q=${limit};w=${periodMs[period] / 1000}`;
  });
  const state = left.map(({ period, remaining, resetMs }) => {
    return `"${period}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`;
  });
  return { 'ratelimit-policy': policy.join(', '), ratelimit: state.join(', ') };
}
