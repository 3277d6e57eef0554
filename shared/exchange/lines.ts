/**
 * Who waits for a turn: one line for each holder, and the lines take turns. Who asks for much waits behind
 * itself, and who asks for little is next.
 */

export interface Lines<T> {
  join(holder: string, waiter: T): void;
  /** The first of the next line whose holder may have a turn; that line goes behind the others. */
  next(may?: (holder: string) => boolean): T | undefined;
  /** Gives up waiting. */
  leave(holder: string, waiter: T): void;
  /** How many have their turn before one more of this holder, at most. */
  before(holder: string): number;
  readonly waiting: number;
}

export function createLines<T>(): Lines<T> {
  const lines = new Map<string, T[]>();
  let waiting = 0;

  return {
    join(holder, waiter) {
      const line = lines.get(holder) ?? [];
      line.push(waiter);
      lines.set(holder, line);
      waiting += 1;
    },
    next(may = () => true) {
      for (const [holder, line] of lines) {
        if (!may(holder)) continue;
        lines.delete(holder);
        const first = line.shift();
        if (line.length > 0) lines.set(holder, line);
        waiting -= 1;
        return first;
      }
      return undefined;
    },
    leave(holder, waiter) {
      const line = lines.get(holder);
      const at = line?.indexOf(waiter) ?? -1;
      if (!line || at < 0) return;
      line.splice(at, 1);
      waiting -= 1;
      if (line.length === 0) lines.delete(holder);
    },
    before(holder) {
      const own = lines.get(holder)?.length ?? 0;
      return Math.min(waiting, (own + 1) * lines.size);
    },
    get waiting() {
      return waiting;
    },
  };
}
