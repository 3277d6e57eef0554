/** Dates of a policy: `until: 2027-06-30`. */

/**
 * First millisecond after `until`: a date counts to its end in UTC. Undefined where the text is no
 * date.
 */
export function untilMs(text: string): number | undefined {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
  if (!day && !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})$/.test(text))
    return undefined;
  const ms = Date.parse(day ? `${text}T00:00:00Z` : text);
  const real = new Date(Date.parse(`${text.slice(0, 10)}T00:00:00Z`));
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(ms) || Number.isNaN(real.getTime())) return undefined;
  if (!real.toISOString().startsWith(text.slice(0, 10))) return undefined;
  return day ? ms + 86_400_000 : ms;
}
