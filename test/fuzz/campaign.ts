/**
 * Runs a decoder on many made inputs. Each either gives a value or refuses with one of the codes that
 * the decoder may use, in bounded time and memory. docs/operating/fuzzing.md tells how to run long.
 *
 * A case is its seed: case 7 of seed 1 is case 0 of seed 8. So one number makes a failure again.
 */
import assert from 'node:assert/strict';
import { relative } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { createRandom, type Random } from './mutate.ts';

export interface Campaign {
  /** Costs more than the others: runs one in so many of the cases. */
  readonly oneIn?: number;
  readonly codes: readonly ErrorCode[];
  /** Makes an input of the seed and gives it to the decoder. Throws what the decoder throws. */
  readonly attempt: (random: Random) => unknown;
}

export const firstSeed = Number(process.env.SALLYPORT_FUZZ_SEED ?? 1);
const casesWanted = Number(process.env.SALLYPORT_FUZZ_CASES ?? 2_000);
/** Processor time of a case, a thousand times what one takes: no measure of speed. */
const caseMsMax = 10_000;
const waitMsMax = 300_000;
const heapGrowthBytesMax = 48 * 1024 * 1024;

/** Seeds of a run, in order. */
export function seedsOf(oneIn = 1): number[] {
  const cases = Math.max(1, Math.ceil(casesWanted / oneIn));
  return Array.from({ length: cases }, (_, index) => firstSeed + index);
}

/** A test of the decoder `name`. */
export function fuzz(name: string, { oneIn, codes, attempt }: Campaign): void {
  const allowed: ReadonlySet<string> = new Set(codes);
  test(`${name}: each case gives a value or a refusal that is allowed`, async () => {
    const seeds = seedsOf(oneIn);
    const watch = watchHangs(name);
    let heapBytes = 0;
    let refused = 0;
    try {
      for (const [index, seed] of seeds.entries()) {
        if (index === Math.floor(seeds.length / 10)) heapBytes = heapInUse();
        watch.begin(seed);
        try {
          await attempt(createRandom(seed, name));
        } catch (thrown) {
          if (!(thrown instanceof SallyportError) || !allowed.has(thrown.code)) {
            throw new Error(`${name} failed; again: ${again(name, seed)}`, { cause: thrown });
          }
          refused += 1;
        }
      }
    } finally {
      await watch.end();
    }
    const grown = heapInUse() - heapBytes;
    assert.ok(grown < heapGrowthBytesMax, `${name} holds ${grown} bytes after ${seeds.length}`);
    const meant = codes.length === 0 || refused > 0 || seeds.length < 100;
    assert.ok(meant, `${name} refused nothing: its inputs do not reach it`);
  });
}

/** The command that makes a case again. */
export function again(name: string, seed: number): string {
  const file = relative(process.cwd(), process.argv[1] ?? '');
  const pattern = `--test-name-pattern='${name}'`;
  return `SALLYPORT_FUZZ_SEED=${seed} SALLYPORT_FUZZ_CASES=1 node --test ${pattern} ${file}`;
}

/**
 * A decoder that never returns blocks this thread, so another one looks on: it says which case it is
 * and ends the process.
 */
function watchHangs(name: string): { begin(seed: number): void; end(): Promise<unknown> } {
  const shared = new Float64Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL('./watch.ts', import.meta.url), {
    workerData: { shared, name, again: again(name, 0), caseMsMax, waitMsMax },
  });
  return {
    begin: (seed) => {
      shared[0] = seed;
    },
    end: () => worker.terminate(),
  };
}

/** Bytes in use after a full collection. The first one still counts buffers that are being freed. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
