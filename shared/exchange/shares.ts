/**
 * Fair shares of what is scarce: places, bytes. Nobody may hold more than is still free, so one greedy holder
 * gets half, two get a third each, and there is always room for one who holds little. Nobody is weighed or
 * configured, and nothing is kept aside for holders who never come.
 */

export interface Shares {
  /** True where the holder may take that much more now. */
  fits(holder: string, amount?: number): boolean;
  /** Takes without asking: what was promised before is kept. */
  take(holder: string, amount?: number): void;
  give(holder: string, amount?: number): void;
  readonly taken: number;
}

export function createShares(capacity: number): Shares {
  const held = new Map<string, number>();
  let taken = 0;

  const change = (holder: string, amount: number): void => {
    taken += amount;
    const now = (held.get(holder) ?? 0) + amount;
    if (now === 0) held.delete(holder);
    else held.set(holder, now);
  };
  return {
    fits: (holder, amount = 1) => (held.get(holder) ?? 0) + amount <= capacity - taken,
    take: (holder, amount = 1) => change(holder, amount),
    give: (holder, amount = 1) => change(holder, -amount),
    get taken() {
      return taken;
    },
  };
}
