/**
 * What waits to be opened: files that the mover told of, and packages that are taken again. One at a time,
 * in the order in which they came.
 *
 *   collected ─▶ waiting ─▶ take ─▶ done
 *       └ too many at once ─▶ found by listing the spool, when those before them are done
 */
import { createBudget } from '../../exchange/budget.ts';
import { limits } from '../../limits.ts';
import { packagesWaiting } from './spool.ts';

export interface Intake<W> {
  /** Names from the mover, which may tell any number of them: each waits once. */
  collected(names: readonly string[]): void;
  /** Takes these, again or for the first time. */
  enqueue(works: readonly (string | W)[]): void;
  /** The file of this name is dealt with; another of that name is another. */
  done(name: string): void;
  /** Looks into the spool for what nobody told of. */
  list(): Promise<void>;
  readonly queued: number;
}

/** `take` deals with one and never rejects; a name is known until `done`. */
export function createIntake<W>(
  inDir: string,
  take: (work: string | W) => Promise<void>,
): Intake<W> {
  const known = new Set<string>();
  const waiting: (string | W)[] = [];
  const budget = createBudget(limits.moverNamesMax, limits.moverNamesPerSecondMax);
  let busy = false;
  let listing = false;

  const run = async (): Promise<void> => {
    busy = true;
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) await take(work);
    busy = false;
  };
  const enqueue = (works: readonly (string | W)[]): void => {
    for (const work of works) waiting.push(work);
    if (!busy && waiting.length > 0) void run();
  };
  const meet = (names: readonly string[]): void => {
    const fresh = new Set(names.filter((name) => !known.has(name)));
    const room = [...fresh].slice(0, limits.spoolPackagesMax - known.size);
    for (const name of room) known.add(name);
    enqueue(room);
    if (room.length < fresh.size) listLater();
  };
  const list = async (): Promise<void> =>
    meet(await packagesWaiting(inDir, limits.spoolPackagesMax));
  const listLater = (): void => {
    if (listing) return;
    listing = true;
    setTimeout(() => {
      listing = false;
      list().catch(listLater);
    }, limits.moverSweepMs).unref();
  };

  return {
    collected(names) {
      const heard = budget.take(names.length, performance.now());
      meet(names.slice(0, heard));
      if (heard < names.length) listLater();
    },
    enqueue,
    done: (name) => void known.delete(name),
    list,
    get queued() {
      return waiting.length;
    },
  };
}
