/**
 * What to do with an authentic package that cannot be taken: too old or too new by this node's clock, sealed
 * for another key, broken inside. Whether the fault is the package's or this node's own (its clock, its
 * key), a later package of the same lane shows: where that one fits, nothing is wrong here.
 *
 *   cannot be taken ─▶ hold ─ a later one fits ─▶ pass over: it takes its place without effect
 *                        │                    └▶ too new: it was made before that one, so it is taken
 *                        └ the clock or the key is put right ─▶ it is taken
 *
 * docs/spec/exchange.md §Held packages is the norm. Pure; the guard keeps the files.
 */
import type { ErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';

/** How far a later package must have come to show that the fault is not this node's. */
type Proof = 'fits' | 'opened';

/** Codes after which a package may be held, where all of it is as it was signed. */
const proofs: ReadonlyMap<ErrorCode, Proof> = new Map([
  ['PACKAGE_RECEIVER', 'fits'],
  ['PACKAGE_FROM_FUTURE', 'fits'],
  ['PACKAGE_EXPIRED', 'fits'],
  ['PACKAGE_KEYS', 'opened'],
  ['PACKAGE_DECRYPT', 'opened'],
  ['PACKAGE_SEGMENTS', 'opened'],
  ['PACKAGE_MESSAGE', 'opened'],
  ['PACKAGE_TOO_LARGE', 'opened'],
  ['PACKAGE_MANIFEST', 'opened'],
]);

export const isHoldable = (code: ErrorCode): boolean => proofs.has(code);

export interface HeldPackage {
  readonly name: string;
  readonly sequence: number;
  readonly bytes: number;
  readonly code: ErrorCode;
}

export interface Hold {
  /** A package came that fits clock and key (`fits`), and whose content was read (`opened`). */
  proved(sequence: number, proof: Proof): void;
  judge(sequence: number, code: ErrorCode): 'hold' | 'pass over' | 'take';
  /** False where it is there already, or there is no room: it will be asked for again. */
  keep(held: HeldPackage, nowMs: number): boolean;
  /** Takes out what can be decided now, by sequence. */
  ripe(): HeldPackage[];
  /** Why packages are held, or nothing. */
  status(): HoldStatus | undefined;
}

export interface HoldStatus {
  /** Of the one that came first. */
  readonly code: ErrorCode;
  readonly packages: number;
  readonly sinceMs: number;
}

export function createHold(): Hold {
  const held = new Map<number, HeldPackage>();
  const proven: Record<Proof, number> = { fits: 0, opened: 0 };
  let bytes = 0;
  let sinceMs = 0;

  const judge: Hold['judge'] = (sequence, code) => {
    if (proven[proofs.get(code) ?? 'opened'] <= sequence) return 'hold';
    return code === 'PACKAGE_FROM_FUTURE' ? 'take' : 'pass over';
  };
  return {
    judge,
    proved(sequence, proof) {
      proven[proof] = Math.max(proven[proof], sequence);
    },
    keep(one, nowMs) {
      if (held.has(one.sequence) || held.size >= limits.laneWindowMax) return false;
      if (bytes + one.bytes > limits.heldBytesMax) return false;
      if (held.size === 0) sinceMs = nowMs;
      held.set(one.sequence, one);
      bytes += one.bytes;
      return true;
    },
    ripe() {
      const ripe = [...held.values()].filter(
        ({ sequence, code }) => judge(sequence, code) !== 'hold',
      );
      for (const one of ripe) {
        held.delete(one.sequence);
        bytes -= one.bytes;
      }
      return ripe.sort((a, b) => a.sequence - b.sequence);
    },
    status() {
      const [first] = held.values();
      return first && { code: first.code, packages: held.size, sinceMs };
    },
  };
}
