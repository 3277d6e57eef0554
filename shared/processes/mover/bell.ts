/** Wakes one waiting loop. A ring that nobody waits for is kept, so that no wake-up is lost. */
export interface Bell {
  ring(): void;
  /** Resolves at the next ring (or one that was kept), or after `timeoutMs`. */
  rung(timeoutMs?: number): Promise<void>;
}

export function createBell(): Bell {
  let kept = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      kept = true;
      wake?.();
    },
    async rung(timeoutMs) {
      let timer: NodeJS.Timeout | undefined;
      if (!kept) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
        });
      }
      clearTimeout(timer);
      wake = undefined;
      kept = false;
    },
  };
}
