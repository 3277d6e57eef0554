/**
 * The upstreams' addresses: one connection pool each, taken in turn by weight (smooth weighted round robin),
 * and left aside for a while after a connection failed.
 */
import { Pool } from 'undici';
import { SallyportError } from '../../errors.ts';
import type { EdgeLimits } from './limits.ts';

export interface Target {
  readonly url: string;
  readonly weight: number;
}

export interface Place {
  readonly pool: Pool;
  readonly origin: string;
  /** Path of the target's URL without a trailing slash. */
  readonly basePath: string;
  asideUntilMs: number;
  turn: number;
}

export interface Targets {
  /** The next place to try; undefined when all were tried. UPSTREAM_UNREACHABLE for a bad URL. */
  choose(targets: readonly Target[], tried: ReadonlySet<Place>, nowMs: number): Place | undefined;
  leaveAside(place: Place, nowMs: number): void;
  /** How many places are left aside now. */
  aside(nowMs: number): number;
  /** Lets what is under way finish. */
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** `ca` (PEM) replaces the system's authorities for upstreams with https. */
export function createTargets(bounds: EdgeLimits, ca: string | Buffer | undefined): Targets {
  const places = new Map<string, Place>();

  const placeOf = (url: string): Place => {
    const known = places.get(url);
    if (known) return known;
    const place = openPlace(url, bounds, ca);
    const [oldest] = places;
    if (oldest && places.size >= bounds.upstreamTargetsMax) {
      places.delete(oldest[0]);
      void oldest[1].pool.close();
    }
    places.set(url, place);
    return place;
  };
  const all = (act: (pool: Pool) => Promise<void>) =>
    Promise.all([...places.values()].map((place) => act(place.pool))).then(() => undefined);

  return {
    choose(targets, tried, nowMs) {
      const [only] = targets;
      if (only && targets.length === 1) {
        const place = placeOf(only.url);
        return tried.has(place) ? undefined : place;
      }
      const left = targets
        .map(({ url, weight }) => ({ place: placeOf(url), weight }))
        .filter(({ place }) => !tried.has(place));
      const healthy = left.filter(({ place }) => place.asideUntilMs <= nowMs);
      return takeTurn(healthy.length > 0 ? healthy : left);
    },
    leaveAside(place, nowMs) {
      place.asideUntilMs = nowMs + bounds.upstreamAsideMs;
    },
    aside: (nowMs) => [...places.values()].filter((place) => place.asideUntilMs > nowMs).length,
    close: () => all((pool) => pool.close()),
    destroy: () => all((pool) => pool.destroy()),
  };
}

/** Each gains its weight, the richest goes and pays for all: even turns, not bursts. */
function takeTurn(from: readonly { place: Place; weight: number }[]): Place | undefined {
  let best: Place | undefined;
  let total = 0;
  for (const { place, weight } of from) {
    place.turn += weight;
    total += weight;
    if (!best || place.turn > best.turn) best = place;
  }
  if (best) best.turn -= total;
  return best;
}

function openPlace(url: string, bounds: EdgeLimits, ca: string | Buffer | undefined): Place {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.search || parsed.username) {
    throw new SallyportError('UPSTREAM_UNREACHABLE', 'expected an http or https URL as target', {
      hint: 'correct the upstream of the service in the policy; nothing was sent',
    });
  }
  const pool = new Pool(parsed.origin, {
    connections: bounds.upstreamConnectionsMax,
    connectTimeout: bounds.upstreamConnectTimeoutMs,
    maxHeaderSize: bounds.upstreamHeaderBytesMax,
    // The call's own deadline covers the time until the headers.
    headersTimeout: 0,
    bodyTimeout: bounds.upstreamBodyIdleMs,
    allowH2: false,
    connect: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
  });
  const basePath = parsed.pathname.replace(/\/+$/, '');
  return { pool, origin: parsed.origin, basePath, asideUntilMs: 0, turn: 0 };
}
