/** Many deadlines on one timer: each call has a time of its own, and none pays for a timer of its own. */
export interface Due {
  /** By `performance.now()`. */
  readonly dueMs: number;
  readonly expire: () => void;
}

export interface Deadlines {
  add(due: Due): void;
  delete(due: Due): void;
  close(): void;
}

/** Late by up to this much. */
const sweepMs = 20;

export function createDeadlines(): Deadlines {
  const open = new Set<Due>();
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  const expire = (nowMs: number): void => {
    for (const due of open) {
      if (due.dueMs > nowMs) continue;
      open.delete(due);
      due.expire();
    }
  };
  const sweep = (): void => {
    if (open.size === 0) stop();
    // Not before what has come is read: it may be this process that was held up.
    else setImmediate(expire, performance.now());
  };
  return {
    add(due) {
      open.add(due);
      timer ??= setInterval(sweep, sweepMs);
    },
    delete: (due) => void open.delete(due),
    close: stop,
  };
}
