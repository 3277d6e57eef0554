/** /metrics: what each process counts, under the label `process`, in one Prometheus text. */
import { AggregatorRegistry, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Asking } from './ask.ts';
import { readStates } from './status.ts';

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

type Metric = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

export function createMetrics(dir: string, asking: Asking): Metrics {
  const own = new Registry();
  collectDefaultMetrics({ register: own });
  const up = new Gauge({
    name: 'sallyport_process_up',
    help: '1 where the process answers',
    labelNames: ['process'],
    registers: [],
  });
  const restarts = new Gauge({
    name: 'sallyport_process_restarts',
    help: 'Ends of the process that nobody asked for, since the node started',
    labelNames: ['process'],
    registers: [],
  });
  const text = async (): Promise<string> => {
    const states = readStates(dir);
    const parts = await Promise.all(asking.names.map((name) => asking.try(name, 'metrics')));
    for (const name of ['admin', ...asking.names] as const)
      restarts.set({ process: name }, states[name]?.restarts ?? 0);
    up.set({ process: 'admin' }, 1);
    const labelled = asking.names.map((name, i) => {
      up.set({ process: name }, parts[i] === undefined ? 0 : 1);
      return label(name, asMetrics(parts[i]?.head));
    });
    const ownMetrics = label('admin', await own.getMetricsAsJSON());
    const both = (await Promise.all([up.get(), restarts.get()])) as Metric[];
    return AggregatorRegistry.aggregate([...labelled, ownMetrics, both]).metrics();
  };
  return { contentType: own.contentType, text };
}

/** With its process as a label no two values are the same series, so that summing changes nothing. */
function label(process: string, metrics: readonly Metric[]): Metric[] {
  return metrics.map((metric) => ({
    ...metric,
    aggregator: 'sum',
    values: metric.values.map((one) => ({ ...one, labels: { ...one.labels, process } })),
  })) as Metric[];
}

function asMetrics(value: unknown): Metric[] {
  return Array.isArray(value) ? (value as Metric[]) : [];
}
