/**
 * A pair under mixed traffic for a minute, or for SALLYPORT_SOAK_SECONDS: what its processes and files take
 * stays what it was after the warm-up. docs/operating/overload.md explains the table.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { findSoftHsm } from '@sallyport/cli/demo/softhsm.ts';
import { processNames } from '@sallyport/shared/config/home.ts';
import { watchProcessor } from '../faults/processor.ts';
import { isSettled, sleep } from '../faults/world.ts';
import { until } from '../until.ts';
import { assertEndings, assertEven, latencies, linesOf } from './judge.ts';
import { type SoakPair, startSoakPair } from './pair.ts';
import { type FilesSample, type NodeSample, sampleFiles, sampleNode } from './sample.ts';
import { type Row, rowsOf, tableOf } from './table.ts';
import { runTraffic } from './traffic.ts';

const seconds = Number(process.env.SALLYPORT_SOAK_SECONDS ?? 60);
const perSecond = Number(process.env.SALLYPORT_SOAK_RATE ?? 25);
const seed = Number(process.env.SALLYPORT_SEED ?? 20261123);
/** Often enough that a long run shows that it goes on. */
const samples = Math.max(24, Math.ceil(seconds / 60));

/** What a process may take more in the last third than in the second, whatever it did meanwhile. */
const growthMax = { rssBytes: 48 * 1024 * 1024, threads: 2 };
/** Descriptors that a process may hold more when all is over than before anything came. */
const fdsMoreMax = 8;

/** The last receipts and heartbeats, for which nobody sends a receipt. */
const restMax = 4;
/** 10,000 pages of 8 KiB, and what one commit adds. */
const walBytesMax = 96 * 1024 * 1024;

let soak: SoakPair | undefined;

before(async () => {
  soak = await startSoakPair((await findSoftHsm()) ? 'softhsm' : 'soft', { atOnce: 64, tookMs: 2 });
});
after(() => soak?.close());

test(`a pair takes no more after ${seconds} s of traffic than after its warm-up`, async (t) => {
  assert.ok(soak);
  const { pair } = soak;
  t.diagnostic(`seed ${seed}, ${perSecond} calls/s, keys in ${pair.hsm}`);
  const roles = ['outer', 'inner'] as const;
  const taken: Record<(typeof roles)[number], NodeSample[]> = { outer: [], inner: [] };
  const sample = (at: 0 | 1): Promise<NodeSample> =>
    sampleNode(pair[roles[at]], pair.managementUrls[at] ?? '');
  const look = async (): Promise<void> => {
    taken.outer.push(await sample(0));
    taken.inner.push(await sample(1));
  };
  const resting = [await sample(0), await sample(1)] as const;
  const ending = new AbortController();
  t.after(() => ending.abort());
  const watch = watchProcessor(pair);
  t.after(() => watch.stop());
  const traffic = runTraffic(soak, perSecond, seconds * 1000, seed, ending.signal);
  for (let looks = 0; looks < samples; looks += 1) {
    await sleep((seconds * 1000) / samples);
    await look();
    process.stdout.write(`${lineOf(looks, taken.outer.at(-1), taken.inner.at(-1))}\n`);
  }
  const calls = await traffic;
  watch.stop();
  await until(() => isSettled(pair));
  // The last receipts and heartbeats are still to be carried.
  await until(() => roles.every((role) => isAtRest(sampleFiles(pair[role]))));
  let left: string[] = [];
  await until(async () => {
    left = [...fdsLeft(resting[0], await sample(0)), ...fdsLeft(resting[1], await sample(1))];
    return left.length === 0;
  }).catch(() => {});
  await look();
  for (const line of linesOf(calls)) t.diagnostic(line);
  const { all, starved } = watch.seconds;
  t.diagnostic(`in ${starved} of ${all} s the pair waited longer for a processor than it ran`);
  const thirds = latencies(calls, watch);
  for (const { calls: count, p50Ms, p99Ms } of thirds) {
    t.diagnostic(`a third: ${count} records outside of them, p50 ${p50Ms} ms, p99 ${p99Ms} ms`);
  }
  const rows = { outer: rowsOf('outer', taken.outer), inner: rowsOf('inner', taken.inner) };
  for (const line of tableOf([...rows.outer, ...rows.inner])) t.diagnostic(line);
  assert.deepEqual(left, [], 'what calls opened is closed after them');
  assertEndings(calls, watch);
  assertEven(thirds);
  for (const role of roles) {
    assertBounded(rows[role]);
    const { files } = taken[role].at(-1) as NodeSample;
    assert.ok(files.walBytes <= walBytesMax, `${role}: a log of ${files.walBytes} bytes`);
  }
});

/** Nothing waits in the spool, and no half-written file is left. */
const isAtRest = ({ spoolFiles, temporaryFiles }: FilesSample): boolean =>
  spoolFiles <= restMax && temporaryFiles === 0;

/** Who holds more than before. While calls come they hold connections, as many as the machine makes wait. */
function fdsLeft(before: NodeSample, now: NodeSample): string[] {
  return processNames.flatMap((name) => {
    const [had, has] = [before.processes[name].fds, now.processes[name].fds];
    return has > had + fdsMoreMax ? [`${name}: ${had} before, ${has} after`] : [];
  });
}

function assertBounded(rows: readonly Row[]): void {
  for (const { name, what, middle, last } of rows) {
    if (what === 'pid') assert.equal(last, middle, `${name} was not started again`);
    const most = growthMax[what as keyof typeof growthMax];
    if (most === undefined) continue;
    assert.ok(last - middle <= most, `${name}: ${what} grew from ${middle} to ${last}`);
  }
}

function lineOf(looks: number, ...nodes: readonly (NodeSample | undefined)[]): string {
  const sizes = nodes.map((node) =>
    processNames.map((name) => Math.round((node?.processes[name].rssBytes ?? 0) / 1024 / 1024)),
  );
  const at = Math.round(((looks + 1) * seconds) / samples);
  return `${String(at).padStart(5)} s  RSS MiB  ${sizes.map((of) => of.join(' ')).join('  |  ')}`;
}
