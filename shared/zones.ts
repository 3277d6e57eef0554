/**
 * The time of day in a zone of the IANA database. Intl knows the offsets but is slow to ask, and an
 * offset changes only at a quarter of an hour, so each is asked once for each of these.
 */

const quarterMs = 900_000;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  quarter: number;
  offsetMs: number;
}

const zones = new Map<string, Zone>();

/** True for a name such as `Asia/Shanghai` or `UTC`. */
export function isZone(name: string): boolean {
  return zoneOf(name) !== undefined;
}

/** A date whose UTC fields are the local ones of the zone. Undefined where there is no such zone. */
export function localDate(ms: number, name: string): Date | undefined {
  const zone = zoneOf(name);
  if (zone === undefined) return undefined;
  const quarter = Math.floor(ms / quarterMs);
  if (zone.quarter !== quarter) {
    zone.offsetMs = offsetOf(zone.format, ms);
    zone.quarter = quarter;
  }
  return new Date(ms + zone.offsetMs);
}

/**
 * When it was that time in the zone: of two moments the earlier, where clocks were put back. Undefined where
 * there is none, or no such zone. `localMs`: what the UTC fields would be.
 */
export function momentOf(localMs: number, name: string): number | undefined {
  const moments = [localMs - dayMs, localMs + dayMs].flatMap((nearMs) => {
    const local = localDate(nearMs, name);
    return local === undefined ? [] : [localMs - (local.getTime() - nearMs)];
  });
  const fitting = moments.filter((ms) => localDate(ms, name)?.getTime() === localMs);
  return fitting.length === 0 ? undefined : Math.min(...fitting);
}

const dayMs = 86_400_000;

/** Only names that Intl knows are kept, so the map is as small as its list. */
function zoneOf(name: string): Zone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  // Names alone: an offset such as +08:00 would make a map without end.
  if (!/^[A-Z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/.test(name)) return undefined;
  try {
    const fresh = { format: formatOf(name), quarter: Number.NaN, offsetMs: 0 };
    zones.set(name, fresh);
    return fresh;
  } catch {
    return undefined;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const two = '2-digit' as const;
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: two,
    day: two,
    hour: two,
    minute: two,
    second: two,
  });
}

function offsetOf(format: Intl.DateTimeFormat, ms: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(ms)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}
