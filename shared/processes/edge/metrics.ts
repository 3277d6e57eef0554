/** What the edge counts, in Prometheus terms. No label ever holds a value that a caller chose. */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObject,
  Registry,
} from 'prom-client';

export interface EdgeMetrics {
  /** One answered call; `code` is `none` where nothing was wrong, `aborted` where the caller left. */
  answered(status: number, code: string, tookMs: number): void;
  /** One upstream call that ended, with its status or the code of its failure. */
  called(outcome: number | string, tookMs: number): void;
  json(): Promise<MetricObject[]>;
}

const buckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** `inFlight` and `upstreamInFlight` are read when somebody asks. */
export function createEdgeMetrics(now: {
  inFlight: () => number;
  upstreamInFlight: () => number;
}): EdgeMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'sallyport_edge_requests_total',
    help: 'Calls answered, by status class and error code',
    labelNames: ['status', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'sallyport_edge_request_seconds',
    help: 'From the head of a call to its answer',
    buckets,
    registers,
  });
  const upstreams = new Counter({
    name: 'sallyport_edge_upstream_requests_total',
    help: 'Upstream calls ended, by status class or error code',
    labelNames: ['outcome'],
    registers,
  });
  const upstreamDurations = new Histogram({
    name: 'sallyport_edge_upstream_seconds',
    help: 'From the order of an upstream call to its end',
    buckets,
    registers,
  });
  gauge('sallyport_edge_requests_in_flight', 'Calls not yet answered', now.inFlight, registers);
  gauge(
    'sallyport_edge_upstream_in_flight',
    'Upstream calls not yet ended',
    now.upstreamInFlight,
    registers,
  );
  return {
    answered(status, code, tookMs) {
      requests.inc({ status: statusClass(status), code });
      durations.observe(tookMs / 1000);
    },
    called(outcome, tookMs) {
      upstreams.inc({ outcome: typeof outcome === 'number' ? statusClass(outcome) : outcome });
      upstreamDurations.observe(tookMs / 1000);
    },
    json: () => registry.getMetricsAsJSON(),
  };
}

function statusClass(status: number): string {
  return status === 0 ? 'none' : `${Math.floor(status / 100)}xx`;
}

function gauge(name: string, help: string, read: () => number, registers: Registry[]): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}
