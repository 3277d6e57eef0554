/**
 * The limits of grants, counted by each guard. In memory, and saved so often that a restart gives nobody
 * more than `rateSaveMs` of use anew. When it cannot be saved any more, what has a limit is closed.
 */
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { grantKey } from '../../policy/compile.ts';
import type { Decision } from '../../policy/decide.ts';
import { type Late, rateHeaders, takeCall, type Usage, unused } from '../../policy/rate.ts';
import type { GuardContext } from './context.ts';

export interface Allowance {
  /**
   * Takes one call of the limits of its grant, at `nowMs`; `late` where it was counted by the other
   * guard before. Errors: STORE_FAILED.
   */
  take(decision: Decision, nowMs: number, late?: Late): AllowanceTaken;
  /** Saves what changed, where it is time. */
  tick(): void;
}

export interface AllowanceTaken {
  /** What is left, for the caller to see; none where there is no limit. */
  readonly headers: Readonly<Record<string, string>>;
  /** RATE_LIMITED, where a limit is used up. */
  readonly refusal?: SallyportError;
}

export function createAllowance({
  store,
  now,
  steady,
  log,
}: Pick<GuardContext, 'store' | 'now' | 'steady' | 'log'>): Allowance {
  const usages = new Map(store.allowances().map(({ key, usage }) => [key, usage]));
  let changed = new Map<string, Usage>();
  /** Of the oldest change that is not saved. */
  let unsavedSinceMs: number | undefined;
  let savedAtMs = steady();
  let saving = false;
  store.later((tx) => tx.forgetAllowances(now() - 2 * 86_400_000)).catch(() => {});

  const save = async (): Promise<void> => {
    const taken = changed;
    const startedMs = steady();
    changed = new Map();
    saving = true;
    try {
      await store.later((tx) => {
        for (const [key, usage] of taken) tx.putAllowance(key, usage);
      });
      unsavedSinceMs = changed.size > 0 ? startedMs : undefined;
    } catch {
      log.warn({ code: 'STORE_FAILED', count: taken.size }, 'use of limits is not saved');
      changed = new Map([...taken, ...changed]);
    } finally {
      saving = false;
      savedAtMs = startedMs;
    }
  };

  return {
    take({ consumer, flow, limits: rates }, nowMs, late) {
      if (rates === undefined) return { headers: {} };
      if (unsavedSinceMs !== undefined && steady() - unsavedSinceMs > limits.rateUnsavedMsMax) {
        throw new SallyportError('STORE_FAILED', 'use of limits could not be saved for too long');
      }
      const key = grantKey(consumer, flow);
      const taken = takeCall(rates, usages.get(key) ?? unused, nowMs, late);
      const headers = rateHeaders(taken.left);
      if (taken.retryAfterMs !== undefined) {
        const { retryAfterMs } = taken;
        const message = `expected fewer calls of ${flow}`;
        return { headers, refusal: new SallyportError('RATE_LIMITED', message, { retryAfterMs }) };
      }
      usages.set(key, taken.usage);
      changed.set(key, taken.usage);
      unsavedSinceMs ??= steady();
      return { headers };
    },
    tick() {
      if (saving || changed.size === 0 || steady() - savedAtMs < limits.rateSaveMs) return;
      void save();
    },
  };
}
