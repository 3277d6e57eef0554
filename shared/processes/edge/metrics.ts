/** What the edge counts, in Prometheus terms. No label ever holds a value that a caller chose. */
import { collectDefaultMetrics, type MetricObject, Registry } from 'prom-client';
import type { ConnectionFault } from './connections.ts';
import { createDurations, createTally, gauge } from './tally.ts';

export interface EdgeMetrics {
  /** One answered call; `code` is `none` where nothing was wrong, `aborted` where the caller left. */
  answered(status: number, code: string, tookMs: number): void;
  /** One upstream call that ended, with its status or the code of its failure. */
  called(outcome: number | string, tookMs: number): void;
  /** One connection that was refused or cut off, and why. */
  refusedConnection(fault: ConnectionFault): void;
  json(): Promise<MetricObject[]>;
}

/** Read when somebody asks. */
export interface EdgeNow {
  readonly inFlight: number;
  readonly upstreamInFlight: number;
  readonly connections: number;
  /** TLS handshakes that are not finished. */
  readonly unfinished: number;
  /** Of bodies and answers that wait: of calls, and of upstreams. */
  readonly heldBytes: number;
  readonly upstreamHeldBytes: number;
}

const buckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createEdgeMetrics(now: () => EdgeNow): EdgeMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = createTally(
    'sallyport_edge_requests_total',
    'Calls answered, by status class and error code',
    (key: string) => {
      const [status = '', code = ''] = key.split(' ');
      return { status, code };
    },
  );
  const durations = createDurations(
    'sallyport_edge_request_seconds',
    'From the head of a call to its answer',
    buckets,
  );
  const upstreams = createTally(
    'sallyport_edge_upstream_requests_total',
    'Upstream calls ended, by status class or error code',
    (outcome: string) => ({ outcome }),
  );
  const upstreamDurations = createDurations(
    'sallyport_edge_upstream_seconds',
    'From the order of an upstream call to its end',
    buckets,
  );
  const connections = createTally(
    'sallyport_edge_connections_refused_total',
    'Connections refused or cut off, by reason',
    (reason: ConnectionFault) => ({ reason }),
  );
  const gauges = (): MetricObject[] => {
    const told = now();
    const tell = (name: string, help: string, value: number) =>
      gauge(`sallyport_edge_${name}`, help, value);
    return [
      tell('requests_in_flight', 'Calls not yet answered', told.inFlight),
      tell('upstream_in_flight', 'Upstream calls not yet ended', told.upstreamInFlight),
      tell('connections', 'Connections of callers', told.connections),
      tell('handshakes', 'TLS handshakes that are not finished', told.unfinished),
      tell('held_bytes', 'Bodies and answers of calls in memory', told.heldBytes),
      tell('upstream_held_bytes', 'Upstream answers in memory', told.upstreamHeldBytes),
    ];
  };
  return {
    answered(status, code, tookMs) {
      requests.add(`${statusClass(status)} ${code}`);
      durations.add(tookMs);
    },
    called(outcome, tookMs) {
      upstreams.add(typeof outcome === 'number' ? statusClass(outcome) : outcome);
      upstreamDurations.add(tookMs);
    },
    refusedConnection: (fault) => connections.add(fault),
    json: async () => [
      ...(await registry.getMetricsAsJSON()),
      ...[requests, durations, upstreams, upstreamDurations, connections].map((one) =>
        one.metric(),
      ),
      ...gauges(),
    ],
  };
}

const classes = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'];

function statusClass(status: number): string {
  return classes[Math.floor(status / 100)] ?? 'none';
}
