/** Facts that only this node has: where a call came from, and how odd its caller's last minutes were. */
import type { RiskFact, SourceFact } from '@sallyport/shared/policy/conditions.ts';
import type { Decision } from '@sallyport/shared/policy/decide.ts';
import type { Risk } from './risk.ts';

export interface Seen {
  readonly source?: SourceFact;
  readonly risk?: RiskFact;
}

/** As a request carries them, and as the audit log records them. */
export interface Crossing {
  readonly source?: string;
  readonly risk?: number;
}

/** Nothing where the edge told no address. The score is counted when it is read: few policies do. */
export function seenOf(
  risk: Risk,
  consumer: string,
  remote: string | undefined,
  nowMs: number,
): Seen {
  if (remote === undefined) return {};
  return {
    source: { ip: remote },
    risk: {
      get score() {
        return risk.score(consumer, remote, nowMs);
      },
    },
  };
}

/** Only what the decision read: the inner guard needs no more, so no more crosses. */
export function crossingOf({ reads }: Decision, { source, risk }: Seen): Crossing {
  return {
    ...(reads.has('source') && source && { source: source.ip }),
    ...(reads.has('risk') && risk && { risk: risk.score }),
  };
}
