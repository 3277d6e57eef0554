/**
 * Memory that many share. Each takes room as its bytes come; where there is none left, the one that holds
 * most of those that can still give way does: a few large ones cannot starve the many small ones.
 */
export interface Holder {
  /** Bytes that it has in the room; kept by the room alone. */
  heldBytes: number;
}

export interface Room<One extends Holder> {
  readonly bytes: number;
  take(holder: One, bytes: number): void;
  /** It is complete: its bytes stay counted, and it need not give way any more. */
  keep(holder: One): void;
  /** Gives everything back; harmless where nothing is held. */
  leave(holder: One): void;
}

/** `giveWay` must let go of what the holder has: its bytes are given back already. */
export function createRoom<One extends Holder>(
  bytesMax: number,
  giveWay: (holder: One) => void,
): Room<One> {
  const open = new Set<One>();
  let held = 0;
  const leave = (holder: One): void => {
    open.delete(holder);
    held -= holder.heldBytes;
    holder.heldBytes = 0;
  };
  return {
    get bytes() {
      return held;
    },
    take(holder, bytes) {
      open.add(holder);
      holder.heldBytes += bytes;
      held += bytes;
      while (open.size > 0 && held > bytesMax) {
        const largest = largestOf(open) ?? holder;
        leave(largest);
        giveWay(largest);
      }
    },
    keep: (holder) => void open.delete(holder),
    leave,
  };
}

function largestOf<One extends Holder>(holders: Iterable<One>): One | undefined {
  let largest: One | undefined;
  for (const one of holders) if (!largest || one.heldBytes > largest.heldBytes) largest = one;
  return largest;
}
