/** What Prometheus learns about the signer. Labels are key names and error codes, never values. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../../errors.ts';
import type { KeeperState, RuntimeKey } from './keeper.ts';
import type { SignerVerb } from './request.ts';

export interface SignerMetrics {
  done(verb: SignerVerb, key: RuntimeKey, tookMs: number): void;
  failed(verb: SignerVerb, code: ErrorCode): void;
  json(state: KeeperState): Promise<unknown>;
}

export function createSignerMetrics(): SignerMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const operations = new Histogram({
    name: 'sallyport_signer_operation_seconds',
    help: 'Time inside the key store, by verb and key',
    labelNames: ['verb', 'key'],
    buckets: [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 1],
    registers,
  });
  const failures = new Counter({
    name: 'sallyport_signer_failures_total',
    help: 'Requests that failed, by verb and error code',
    labelNames: ['verb', 'code'],
    registers,
  });
  const up = new Gauge({
    name: 'sallyport_signer_hsm_up',
    help: '1 while the key store really signs',
    registers,
  });
  const opens = new Gauge({
    name: 'sallyport_signer_hsm_opens',
    help: 'How often the key store was opened since the process started',
    registers,
  });
  return {
    done: (verb, key, tookMs) => operations.observe({ verb, key }, tookMs / 1000),
    failed: (verb, code) => failures.inc({ verb, code }),
    json(state) {
      up.set(state.ok ? 1 : 0);
      opens.set(state.opens);
      return registry.getMetricsAsJSON();
    },
  };
}
