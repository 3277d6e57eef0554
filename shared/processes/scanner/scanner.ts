/**
 * The scanner process: the only one that speaks with scanners. It takes content from the guard, has every
 * scanner look at it and gives back what each said. It holds no key, no file and no store, so whoever
 * takes it over can say "clean", and nothing more.
 *
 *   guard ─ scan ─▶ each scanner at once ─▶ verdicts ─▶ guard
 *   every few seconds: something harmless ─▶ each scanner ─▶ is it well?
 */
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { type Named, type Scanner, verdictsOf } from '../../content/scan/scanner.ts';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { TellTrouble } from '../child.ts';
import type { Handlers } from '../ipc/peer.ts';
import type { Wire } from '../ipc/wire.ts';
import { createScannerMetrics } from './metrics.ts';

export interface ScannerOptions {
  /** May have content scanned. */
  readonly guard: Wire;
  /** May ask how the scanners are. */
  readonly admin: Wire;
  readonly scanners: readonly Scanner[];
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Hears why a scanner does not call anything clean, and when it does again. */
  readonly tellTrouble?: TellTrouble;
  readonly probeMs?: number;
}

/** What `health` and `status` answer. */
export interface ScannerHealth {
  readonly process: 'scanner';
  /** Every scanner called something harmless clean, a moment ago. */
  readonly ok: boolean;
  readonly scans: number;
  /** Scanner → `clean`, or what kept it from saying so when it was last tried. */
  readonly scanners: Readonly<Record<string, string>>;
}

/** Answers until closed. Errors of `scan`: SCAN_FAILED where it is larger than may be, OVERLOADED. */
export function runScanner(options: ScannerOptions): { close(): Promise<void> } {
  const { scanners, log, tellTrouble, probeMs = limits.scannerProbeMs } = options;
  const metrics = createScannerMetrics();
  const states = new Map(scanners.map(({ name }) => [name, 'not tried yet']));
  let wellAtMs = Number.NEGATIVE_INFINITY;
  let scans = 0;
  let inFlight = 0;

  const ask = async (content: Buffer, signal?: AbortSignal): Promise<Named[]> => {
    const startedMs = performance.now();
    const verdicts = await verdictsOf(scanners, content, signal);
    const tookMs = performance.now() - startedMs;
    for (const verdict of verdicts) metrics.done(verdict.scanner, outcomeOf(verdict), tookMs);
    return verdicts;
  };
  const scan = async (content: Buffer, withinMs: number): Promise<Named[]> => {
    if (content.length > limits.scanBytesMax) {
      throw new SallyportError('SCAN_FAILED', `expected at most ${limits.scanBytesMax} bytes`);
    }
    if (inFlight >= limits.scansInFlightMax) {
      throw new SallyportError('OVERLOADED', `${inFlight} scans are under way`);
    }
    inFlight += 1;
    try {
      return await ask(content, AbortSignal.timeout(withinMs));
    } finally {
      inFlight -= 1;
      scans += 1;
    }
  };

  const learn = (verdicts: readonly Named[]): void => {
    const before = [...states.values()].join();
    for (const verdict of verdicts) states.set(verdict.scanner, outcomeOf(verdict));
    const ill = verdicts.filter(({ verdict }) => verdict !== 'clean');
    if (ill.length === 0) wellAtMs = performance.now();
    if ([...states.values()].join() === before) return;
    const told = Object.fromEntries(states);
    if (ill.length === 0) log.info({ scanners: told }, 'every scanner works');
    else log.warn({ scanners: told, code: 'SCAN_FAILED' }, 'a scanner does not work');
    const list = ill.map((verdict) => `${verdict.scanner} (${outcomeOf(verdict)})`).join(', ');
    tellTrouble?.(
      ill.length === 0
        ? undefined
        : new SallyportError('SCAN_FAILED', `files are refused: ${list}`, {
            hint: 'docs/operating/scanners.md says what each reason means',
          }),
    );
  };
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const probe = async (): Promise<void> => {
    const verdicts = await ask(harmless);
    if (closed) return;
    learn(verdicts);
    timer = setTimeout(probe, probeMs);
  };

  const health = (): ScannerHealth => ({
    process: 'scanner',
    ok: performance.now() - wellAtMs < probesMissedMax * probeMs,
    scans,
    scanners: Object.fromEntries(states),
  });
  const forGuard: Handlers = {
    scan: async (head, body) => ({ head: { verdicts: await scan(body, withinOf(head)) } }),
  };
  const forAdmin: Handlers = {
    health: () => ({ head: health() }),
    status: () => ({ head: health() }),
    metrics: async () => ({ head: await metrics.json(Object.fromEntries(states), inFlight) }),
  };
  const links = [options.guard(forGuard), options.admin(forAdmin)];
  void probe();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      for (const link of links) link.close();
    },
  };
}

/** Errors: IPC_FRAME. */
function withinOf(head: unknown): number {
  const { withinMs } = (head ?? {}) as { withinMs?: unknown };
  if (typeof withinMs === 'number' && Number.isInteger(withinMs) && withinMs >= 0) return withinMs;
  throw new SallyportError('IPC_FRAME', 'expected the milliseconds that a scan may take');
}

/** A scanner that cannot call this clean calls nothing clean. */
const harmless = Buffer.from('sallyport asks whether you are well\n');

/** A probe that hangs makes the last one old. */
const probesMissedMax = 3;

/** One word for metrics and status; never the name of what was found, which is a scanner's text. */
function outcomeOf(verdict: Named): string {
  return verdict.verdict === 'failed' ? verdict.failure : verdict.verdict;
}
