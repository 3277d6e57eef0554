/** The mover's figures for Prometheus, read from the status whenever somebody asks. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { MoverStatus } from './run.ts';

/** The mover's own metrics are named `sallyport_mover_*`. */
export function createMoverMetrics(status: () => MoverStatus): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const channels = (): ['out' | 'in', MoverStatus['in']][] => {
    const { out, in: incoming } = status();
    return [
      ['out', out],
      ['in', incoming],
    ];
  };
  const counter = (name: string, help: string, labelNames: string[], read: Read): void => {
    const collect = function (this: Counter): void {
      this.reset();
      for (const [labels, value] of read()) this.inc(labels, value);
    };
    new Counter({
      name: `sallyport_mover_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect,
    });
  };
  const gauge = (name: string, help: string, labelNames: string[], read: Read): void => {
    const collect = function (this: Gauge): void {
      for (const [labels, value] of read()) this.set(labels, value);
    };
    new Gauge({
      name: `sallyport_mover_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect,
    });
  };
  const perChannel =
    (value: (channel: MoverStatus['in']) => number): Read =>
    () =>
      channels().map(([direction, channel]) => [{ direction }, value(channel)]);

  counter(
    'packages_total',
    'Packages carried',
    ['direction'],
    perChannel((c) => c.packages),
  );
  counter(
    'bytes_total',
    'Bytes of packages carried',
    ['direction'],
    perChannel((c) => c.bytes),
  );
  counter('retries_total', 'Sends that were tried again', [], () => [[{}, status().retries]]);
  counter('refusals_total', 'Refusals at the transport', ['code'], () =>
    Object.entries(status().refusals).map(([code, count]) => [{ code }, count]),
  );
  gauge(
    'channel_up',
    'Whether the channel is up',
    ['direction'],
    perChannel((c) => Number(c.state === 'up')),
  );
  gauge('pending_packages', 'Packages that wait to be sent', ['class'], () =>
    Object.entries(status().pending).map(([flowClass, count]) => [{ class: flowClass }, count]),
  );
  return registry;
}

type Read = () => [Record<string, string>, number][];
