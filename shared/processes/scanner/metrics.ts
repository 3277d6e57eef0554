/** What Prometheus learns about scanners. Labels are names of the configuration and closed words. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface ScannerMetrics {
  /** `outcome`: clean, found, or why it failed. */
  done(scanner: string, outcome: string, tookMs: number): void;
  json(states: Readonly<Record<string, string>>, inFlight: number): Promise<unknown>;
}

export function createScannerMetrics(): ScannerMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const verdicts = new Counter({
    name: 'sallyport_scanner_verdicts_total',
    help: 'Verdicts, by scanner and outcome; probes are among them',
    labelNames: ['scanner', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'sallyport_scanner_scan_seconds',
    help: 'Time until every scanner has given its verdict',
    labelNames: ['scanner'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 30, 60],
    registers,
  });
  const up = new Gauge({
    name: 'sallyport_scanner_up',
    help: '1 where the scanner called something harmless clean when it was last tried',
    labelNames: ['scanner'],
    registers,
  });
  const underWay = new Gauge({
    name: 'sallyport_scanner_in_flight',
    help: 'Files that are being scanned',
    registers,
  });
  return {
    done(scanner, outcome, tookMs) {
      verdicts.inc({ scanner, outcome });
      durations.observe({ scanner }, tookMs / 1000);
    },
    json(states, inFlight) {
      underWay.set(inFlight);
      for (const [scanner, state] of Object.entries(states)) {
        up.set({ scanner }, state === 'clean' ? 1 : 0);
      }
      return registry.getMetricsAsJSON();
    },
  };
}
