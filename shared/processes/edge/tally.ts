/**
 * Counters and histograms in plain numbers, told in Prometheus terms only when somebody asks: a call
 * pays for two additions, not for labels.
 */
import type { MetricObject } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

export interface Tally<Key extends string | number> {
  add(key: Key): void;
  metric(): MetricObject;
}

/** Counts by key; `labelsOf` says what a key means. Keys must come from a closed set. */
export function createTally<Key extends string | number>(
  name: string,
  help: string,
  labelsOf: (key: Key) => Labels,
): Tally<Key> {
  const counts = new Map<Key, number>();
  return {
    add: (key) => void counts.set(key, (counts.get(key) ?? 0) + 1),
    metric: () =>
      asMetric(
        name,
        help,
        'counter',
        [...counts].map(([key, value]) => ({ value, labels: labelsOf(key) })),
      ),
  };
}

export interface Durations {
  add(tookMs: number): void;
  metric(): MetricObject;
}

/** A histogram in seconds. `bounds` are the upper ends of its buckets, in ascending order. */
export function createDurations(name: string, help: string, bounds: readonly number[]): Durations {
  const counts = bounds.map(() => 0);
  let count = 0;
  let sumMs = 0;
  return {
    add(tookMs) {
      count += 1;
      sumMs += tookMs;
      const at = bounds.findIndex((bound) => tookMs <= bound * 1000);
      if (at >= 0) counts[at] = (counts[at] ?? 0) + 1;
    },
    metric() {
      let below = 0;
      const buckets = bounds.map((bound, at) => {
        below += counts[at] ?? 0;
        return { value: below, labels: { le: bound }, metricName: `${name}_bucket` };
      });
      return asMetric(name, help, 'histogram', [
        ...buckets,
        { value: count, labels: { le: '+Inf' }, metricName: `${name}_bucket` },
        { value: sumMs / 1000, labels: {}, metricName: `${name}_sum` },
        { value: count, labels: {}, metricName: `${name}_count` },
      ]);
    },
  };
}

/** A value that is read when somebody asks. */
export function gauge(name: string, help: string, value: number): MetricObject {
  return asMetric(name, help, 'gauge', [{ value, labels: {} }]);
}

function asMetric(name: string, help: string, type: string, values: object[]): MetricObject {
  // prom-client types MetricObject by the enum of its own classes; on the wire it is this JSON.
  return { name, help, type, values, aggregator: 'sum' } as unknown as MetricObject;
}
