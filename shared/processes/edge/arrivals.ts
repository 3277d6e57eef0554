/**
 * How fast connections come, and which of them have not finished their TLS handshake. Handshakes are what
 * costs most before anybody is known: so who begins many, or begins and does not finish, is held back before
 * the next one is begun.
 *
 *   accepted ▶ pace of its network ▶ pace of all ▶ handshake ▶ finished
 */
import type { EdgeLimits } from './limits.ts';

/** One that has come and has not finished. */
export interface Arriving {
  readonly network: string;
}

export interface Arrivals<A extends Arriving> {
  /** One more connection of this network; false where they come too fast. */
  pace(network: string, nowMs: number): boolean;
  /**
   * It begins its handshake. Returns which one has to go for it: itself, or the oldest of the network that
   * has begun most; undefined where there is room.
   */
  begin(one: A): A | undefined;
  /** Its handshake is done, or it is gone. */
  finish(one: A): void;
  /** Handshakes that are not finished. */
  readonly size: number;
}

export function createArrivals<A extends Arriving>(bounds: EdgeLimits): Arrivals<A> {
  const all = createPace(bounds.edgeConnectionsPerSecondMax, bounds.edgeConnectionsMax);
  const each = createPace(
    bounds.edgeConnectionsPerSecondPerNetworkMax,
    bounds.edgeConnectionsPerNetworkMax,
  );
  const unfinished = new Map<string, Set<A>>();
  let size = 0;
  const finish = (one: A): void => {
    const mine = unfinished.get(one.network);
    if (!mine?.delete(one)) return;
    size -= 1;
    if (mine.size === 0) unfinished.delete(one.network);
  };
  return {
    // What is refused counts nowhere: a network that is too fast uses up nothing of what there is for all.
    pace(network, nowMs) {
      if (!each.fits(network, nowMs) || !all.fits('', nowMs)) return false;
      each.take(network, nowMs);
      all.take('', nowMs);
      return true;
    },
    begin(one) {
      const mine = unfinished.get(one.network) ?? new Set<A>();
      if (mine.size >= bounds.edgeHandshakesPerNetworkMax) return one;
      unfinished.set(one.network, mine.add(one));
      size += 1;
      if (size <= bounds.edgeHandshakesMax) return undefined;
      const most = [...unfinished.values()].reduce((a, b) => (b.size > a.size ? b : a), mine);
      const [oldest = one] = most;
      finish(oldest);
      return oldest;
    },
    finish,
    get size() {
      return size;
    },
  };
}

interface Pace {
  fits(key: string, nowMs: number): boolean;
  take(key: string, nowMs: number): void;
}

/** A leaky bucket for each key: as many at once as it is deep, then so many a second. */
function createPace(perSecond: number, depth: number): Pace {
  const kept = new Map<string, { level: number; atMs: number }>();
  const levelOf = (key: string, nowMs: number): number => {
    const { level, atMs } = kept.get(key) ?? { level: 0, atMs: nowMs };
    return Math.max(0, level - (Math.max(0, nowMs - atMs) * perSecond) / 1000);
  };
  return {
    fits: (key, nowMs) => levelOf(key, nowMs) + 1 <= depth,
    take(key, nowMs) {
      // The empty ones are forgotten: there are never more of the others than connections that came of late.
      if (kept.size >= keptMax) {
        for (const old of kept.keys()) if (levelOf(old, nowMs) === 0) kept.delete(old);
      }
      kept.set(key, { level: levelOf(key, nowMs) + 1, atMs: nowMs });
    },
  };
}

const keptMax = 8192;
