/**
 * Records what others can cause as often as they like: refusals, repetitions. The first of a kind are
 * recorded one by one; what comes faster is counted, and told with its count from time to time.
 *
 *   record ▶ within the budget of its kind ▶ an event and a line in the log
 *          ▶ over it ▶ counted ▶ every sparingReportMs one event with `count`
 *
 * The kinds are those of the event catalogue and the error table, so there are few.
 */
import type { Logger } from 'pino';
import type { AuditLog } from '../../audit/log.ts';
import { type Budget, createBudget } from '../../exchange/budget.ts';
import { limits } from '../../limits.ts';
import type { AuditEvent } from '../../ports.ts';

export interface SparingRecord {
  /** `detail` goes to the log only. Errors: OVERLOADED where the audit log has no room. */
  record(event: AuditEvent, detail?: string): void;
  /** Tells what was counted, when it is time. Errors: as record; then it is told later. */
  tick(): void;
  /** Tells what was counted at once. */
  tell(): void;
}

interface Kind {
  readonly budget: Budget;
  /** Counted, not told yet; the event is the last of them. */
  untold: { count: number; event: AuditEvent } | undefined;
}

export function createSparingRecord(options: {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly log: Pick<Logger, 'warn'>;
  readonly flushAudit: () => void;
  readonly now: () => number;
}): SparingRecord {
  const { audit, log } = options;
  const kinds = new Map<string, Kind>();
  let toldAtMs = performance.now();

  const kindOf = ({ event, code }: AuditEvent): Kind => {
    const key = `${event} ${code ?? ''}`;
    const known = kinds.get(key);
    if (known) return known;
    const budget = createBudget(limits.sparingEventsMax, 1000 / limits.sparingReportMs);
    const kind: Kind = { budget, untold: undefined };
    kinds.set(key, kind);
    return kind;
  };
  const tell = (): void => {
    toldAtMs = performance.now();
    for (const kind of kinds.values()) {
      if (!kind.untold) continue;
      const { count, event } = kind.untold;
      const { lane, code } = event;
      const about = { event: event.event, ...(code && { code }), ...(lane && { lane }), count };
      audit.append({ ...about, atMs: options.now() });
      kind.untold = undefined;
      log.warn(about, 'more of them');
    }
    options.flushAudit();
  };

  return {
    record(event, detail) {
      const kind = kindOf(event);
      const { count = 1 } = event;
      if (kind.budget.take(1, performance.now()) === 0) {
        kind.untold = { count: count + (kind.untold?.count ?? 0), event };
        return;
      }
      audit.append(event);
      options.flushAudit();
      const { event: name, atMs: _atMs, ...about } = event;
      log.warn({ ...about, ...(detail !== undefined && { detail }) }, name);
    },
    tick() {
      if (performance.now() - toldAtMs >= limits.sparingReportMs) tell();
    },
    tell,
  };
}
