/** What must hold of a load, whatever was done to the nodes meanwhile. */
import assert from 'node:assert/strict';
import type { Ledger } from './load.ts';
import type { World } from './world.ts';

/** How long after the death of the outer edge a caller may notice a broken connection. */
const edgeGoneMs = 15_000;

/** Ways to end that the absence of a process explains; nothing else may be seen. */
const foreseen: ReadonlySet<string> = new Set([
  '200',
  '201',
  'lost',
  '502 IN_DOUBT',
  '503 NOT_READY',
  '503 HSM_LOST',
  '503 IPC_LOST',
  // A busy machine alone brings these.
  '503 OVERLOADED',
  '504 UPSTREAM_TIMEOUT',
]);

export interface Excuses {
  /** When the outer edge was killed or stopped, Unix ms: connections may break. */
  readonly edgeGone?: readonly number[];
  /** Further ways to end. */
  readonly endings?: readonly string[];
  /** The least share of calls that must have been answered. */
  readonly answered?: number;
}

/** No lost or wrong answer, and no change made more or less often than its caller was told. */
export function assertSound(
  world: Pick<World, 'changes'>,
  { calls, changes, losses, wrong, endings }: Ledger,
  { edgeGone = [], endings: more = [], answered = 0.8 }: Excuses = {},
): void {
  assert.deepEqual(wrong, [], 'every good answer is right');
  const stray = losses.filter(
    (at) => !edgeGone.some((ms) => at >= ms - 50 && at < ms + edgeGoneMs),
  );
  assert.deepEqual(stray, [], 'no connection breaks but those of an edge that was killed');
  const faults = changes.flatMap(({ street, ending, what, keyed }) => {
    const times = world.changes.get(street) ?? 0;
    const allowed = { acknowledged: [1], unknown: [0, 1], refused: [0] }[ending ?? 'refused'];
    return allowed.includes(times)
      ? []
      : [`${street}: ${what}, keyed ${keyed}, done ${times} times`];
  });
  assert.deepEqual(faults, [], 'each change was made as often as its caller was told');
  const good = (endings.get('200') ?? 0) + (endings.get('201') ?? 0);
  assert.ok(good > calls * answered, `most were answered: ${good} of ${calls}`);
  const unforeseen = [...endings.keys()].filter((it) => !foreseen.has(it) && !more.includes(it));
  assert.deepEqual(unforeseen, [], 'calls end in the ways that the fault explains');
}

export function summary({ calls, endings, losses, changes, slowestMs }: Ledger): string {
  const ends = [...endings].map(([what, count]) => `${what}: ${count}`).join(', ');
  const made = `${calls} calls (${changes.length} changes), slowest ${slowestMs} ms`;
  return `${made}, ${losses.length} lost connections; ${ends}`;
}
