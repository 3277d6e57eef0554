/** What must hold of a load, whatever was done to the nodes meanwhile. */
import assert from 'node:assert/strict';
import type { Ledger, Miss } from './load.ts';
import type { ProcessorWatch } from './processor.ts';
import type { World } from './world.ts';

/** From the moment something is broken until all is well again, of `performance.now()`. */
export interface Blow {
  readonly fromMs: number;
  readonly toMs: number;
  /** The outer edge was among it: connections may break. */
  readonly edge: boolean;
}

/** What was on its way to a caller, or to a process that is just back, when all was well again. */
const afterBlowMs = 1_000;

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
  /** Where given, a call that no blow touched was answered, unless the pair was starved meanwhile. */
  readonly blows?: readonly Blow[];
  readonly watch?: Pick<ProcessorWatch, 'wasCalm'>;
  /** Further ways to end. */
  readonly endings?: readonly string[];
  /** The least share of calls that must have been answered. */
  readonly answered?: number;
}

/** No lost or wrong answer, and no change made more or less often than its caller was told. */
export function assertSound(
  world: Pick<World, 'changes'>,
  { calls, changes, losses, misses, wrong, endings }: Ledger,
  { blows, watch, endings: more = [], answered = 0.8 }: Excuses = {},
): void {
  assert.deepEqual(wrong, [], 'every good answer is right');
  const edgeBlows = blows?.filter(({ edge }) => edge) ?? [];
  const stray = losses.filter((atMs) => !isTouched(edgeBlows, atMs, atMs));
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
  assert.ok(good > calls * answered, `${good} of ${calls} were answered`);
  const unforeseen = [...endings.keys()].filter((it) => !foreseen.has(it) && !more.includes(it));
  assert.deepEqual(unforeseen, [], 'calls end in the ways that the fault explains');
  if (!blows) return;
  const unexplained = misses.filter(
    ({ startedMs, endedMs }) =>
      !isTouched(blows, startedMs, endedMs) && watch?.wasCalm(startedMs, endedMs) !== false,
  );
  assert.deepEqual(unexplained.map(lineOf), [], 'what no blow touched was answered');
}

const isTouched = (blows: readonly Blow[], startedMs: number, endedMs: number): boolean =>
  blows.some(({ fromMs, toMs }) => startedMs <= toMs + afterBlowMs && endedMs >= fromMs - 50);

const lineOf = ({ what, startedMs, endedMs }: Miss): string =>
  `${what} after ${Math.round(endedMs - startedMs)} ms`;

export function summary({ calls, endings, losses, changes, slowestMs }: Ledger): string {
  const ends = [...endings].map(([what, count]) => `${what}: ${count}`).join(', ');
  const made = `${calls} calls (${changes.length} changes), slowest ${slowestMs} ms`;
  return `${made}, ${losses.length} lost connections; ${ends}`;
}
