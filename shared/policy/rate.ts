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
  /** Day of UTC, counted from 1970, and its calls. */
  readonly day: number;
  readonly usedToday: number;
}

export const unused: Usage = { atMs: 0, levels: {}, day: 0, usedToday: 0 };

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
export function takeCall(rates: Rates, before: Usage, nowMs: number): Taken {
  const now = asOf(before, rates, nowMs);
  const waits = namedPeriods(rates).map(([period, limit]) => waitOf(now, period, limit, nowMs));
  const retryAfterMs = Math.max(...waits);
  if (retryAfterMs > 0) return { left: leftOf(rates, now, nowMs), retryAfterMs };
  const levels: Partial<Record<Period, number>> = {};
  for (const [period] of namedPeriods(rates)) {
    if (period !== 'perDay') levels[period] = (now.levels[period] ?? 0) + 1;
  }
  const usage = { ...now, levels, usedToday: now.usedToday + 1 };
  return { usage, left: leftOf(rates, usage, nowMs) };
}

/** Sunk to this moment. A clock that was set back makes nothing sink. */
function asOf(usage: Usage, rates: Rates, nowMs: number): Usage {
  const passedMs = Math.max(0, nowMs - usage.atMs);
  const levels: Partial<Record<Period, number>> = {};
  for (const [period, limit] of namedPeriods(rates)) {
    if (period === 'perDay') continue;
    // Not above a limit that was lowered since.
    const level = Math.min(limit, usage.levels[period] ?? 0);
    levels[period] = Math.max(0, level - (passedMs * limit) / periodMs[period]);
  }
  const day = Math.floor(nowMs / periodMs.perDay);
  return { atMs: nowMs, levels, day, usedToday: day === usage.day ? usage.usedToday : 0 };
}

function waitOf(usage: Usage, period: Period, limit: number, nowMs: number): number {
  if (period === 'perDay') {
    return usage.usedToday < limit ? 0 : (usage.day + 1) * periodMs.perDay - nowMs;
  }
  const above = (usage.levels[period] ?? 0) + 1 - limit;
  return above <= rounding ? 0 : (above * periodMs[period]) / limit;
}

function leftOf(rates: Rates, usage: Usage, nowMs: number): Left[] {
  return namedPeriods(rates).map(([period, limit]) => {
    if (period === 'perDay') {
      const remaining = Math.max(0, limit - usage.usedToday);
      return { period, limit, remaining, resetMs: (usage.day + 1) * periodMs.perDay - nowMs };
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
