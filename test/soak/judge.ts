/** What may be said of the calls of a soak, by what the machine gave the pair while they were made. */
import assert from 'node:assert/strict';
import type { ProcessorWatch } from '../faults/processor.ts';
import type { Ended } from './traffic.ts';

/** Every call ended as its kind may, and only a pair that was starved turned anybody away or was late. */
export function assertEndings(calls: readonly Ended[], watch: ProcessorWatch): void {
  const wrong = calls.filter(({ kind, what, startedMs, endedMs }) => {
    if (kind.allowed.test(what)) return false;
    return !kind.starved?.test(what) || watch.wasCalm(startedMs, endedMs);
  });
  const told = wrong.map(({ kind, what }) => `${kind.name}: ${what}`);
  assert.deepEqual(told, [], 'every call ended as its kind may');
  const records = recordsOf(calls);
  assert.ok(records.some(({ what }) => what === '200'));
}

/** Fewer calm calls than this say nothing of how long they take. */
const callsMin = 50;
/** A middle of a few milliseconds may well be twice as much in another minute of the same machine. */
const slackMs = 20;

/** How long an answer takes does not grow from the second third to the last. */
export function assertEven(thirds: readonly Latency[]): void {
  const [, middle, last] = thirds;
  if (!middle || !last || Math.min(middle.calls, last.calls) < callsMin) return;
  const most = 2 * middle.p50Ms + slackMs;
  assert.ok(last.p50Ms <= most, `an answer took ${middle.p50Ms} ms and then ${last.p50Ms}`);
}

export interface Latency {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Of the answered records that were called while the pair had its processor, in each third of the soak. */
export function latencies(calls: readonly Ended[], watch: ProcessorWatch): Latency[] {
  const records = recordsOf(calls);
  const size = Math.ceil(records.length / 3);
  return [0, 1, 2].map((third) => {
    const took = records
      .slice(third * size, (third + 1) * size)
      .filter(({ startedMs, endedMs }) => watch.wasCalm(startedMs, endedMs))
      .map(({ tookMs }) => Math.round(tookMs))
      .sort((a, b) => a - b);
    const at = (share: number): number => took[Math.ceil(took.length * share) - 1] ?? 0;
    return { calls: took.length, p50Ms: at(0.5), p99Ms: at(0.99) };
  });
}

const recordsOf = (calls: readonly Ended[]): Ended[] =>
  calls.filter(({ kind }) => kind.name === 'record');

/** A line for each kind: how often it ended with what. */
export function linesOf(calls: readonly Ended[]): string[] {
  const endings = new Map<string, Map<string, number>>();
  for (const { kind, what } of calls) {
    const ends = endings.get(kind.name) ?? new Map<string, number>();
    endings.set(kind.name, ends.set(what, (ends.get(what) ?? 0) + 1));
  }
  return [...endings].map(([kind, ends]) => {
    const counts = [...ends].map(([what, count]) => `${what}: ${count}`).join(', ');
    return `${kind.padEnd(22)} ${counts}`;
  });
}
