/**
 * MB/s of sealing into a file and of opening from it, beside bare AES-256-GCM and SHA-256 of the same
 * bytes in the same chunks; with CPU time and peak memory. Rounds alternate; each work is a process of
 * its own.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Machine, machine } from './machine.ts';
import { median } from './median.ts';
import { makeParties } from './package-parties.ts';
import type { WorkDone, WorkOrder } from './package-work.ts';

export interface PackageOptions {
  readonly bytes: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

/** Medians over the rounds; MB are 10^6 bytes of content. */
export interface StreamFigures {
  readonly mbPerSec: number;
  readonly cpuSec: number;
  readonly peakRssBytes: number;
  /** CPU time for that of the baseline. */
  readonly cpuRatio: number;
}

export interface PackageReport extends Machine {
  readonly bytes: number;
  readonly rounds: number;
  readonly seal: StreamFigures;
  readonly open: StreamFigures;
  /** AES-256-GCM and SHA-256 of the same bytes, in memory. */
  readonly baseline: StreamFigures;
  /** The same bytes into a file, as they are. */
  readonly write: StreamFigures;
  /** CPU µs of 64 messages of 1 KiB in one package, without the HSM's part. */
  readonly batch: { readonly sealUs: number; readonly openUs: number };
}

export async function benchPackage(options: PackageOptions): Promise<PackageReport> {
  const { bytes, rounds, say } = options;
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const order = { parties: await makeParties(), file: join(dir, 'package.stp'), bytes };
  const done: Record<WorkOrder['work'], WorkDone[]> = {
    seal: [],
    open: [],
    bare: [],
    write: [],
    batch: [],
  };
  try {
    // A virtual machine pays for each page that it uses for the first time, whoever is the first.
    await inChild({ ...order, work: 'write' });
    for (let round = 0; round < rounds; round += 1) {
      for (const work of ['seal', 'bare', 'write', 'open', 'batch'] as const) {
        done[work].push(await inChild({ ...order, work }));
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const streamOf = (work: Exclude<WorkOrder['work'], 'batch'>): StreamFigures => {
    const figure = streamFigures(bytes, done[work], done.bare);
    say(
      `${work}: ${figure.mbPerSec.toFixed(0)} MB/s, ${figure.cpuSec.toFixed(2)} s CPU, ` +
        `${(figure.peakRssBytes / 1e6).toFixed(0)} MB peak`,
    );
    return figure;
  };
  return {
    ...machine(),
    bytes,
    rounds,
    seal: streamOf('seal'),
    open: streamOf('open'),
    baseline: streamOf('bare'),
    write: streamOf('write'),
    batch: {
      sealUs: median(done.batch.map(({ batch }) => batch?.sealUs ?? 0)),
      openUs: median(done.batch.map(({ batch }) => batch?.openUs ?? 0)),
    },
  };
}

function inChild(order: WorkOrder): Promise<WorkDone> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'package-work.ts'));
    child.once('message', (done) => resolve(done as WorkDone));
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`expected a result of ${order.work}, got ${code}`)),
    );
    child.send(order);
  });
}

function streamFigures(bytes: number, done: WorkDone[], bare: WorkDone[]): StreamFigures {
  return {
    mbPerSec: bytes / 1000 / median(done.map(({ wallMs }) => wallMs)),
    cpuSec: median(done.map(({ cpuMs }) => cpuMs)) / 1000,
    peakRssBytes: median(done.map(({ peakRssBytes }) => peakRssBytes)),
    cpuRatio: median(done.map(({ cpuMs }, at) => cpuMs / (bare[at]?.cpuMs ?? cpuMs))),
  };
}
