/**
 * CPU µs that one question to a plug-in of each kind costs: in the process that asks, as a guard does, and in
 * that of the plug-ins. The plug-ins are those of examples/plugins, asked what their own examples ask. One
 * question at a time pays for every wake-up; many at a time are what a busy node has.
 */
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '@sallyport/shared/plugins/api.ts';
import type { AskPlugins, PluginAsk, PluginKind } from '@sallyport/shared/plugins/ask.ts';
import { spawnPlugins } from '@sallyport/shared/processes/plugins/spawn.ts';
import { cpuBetween, readCpu } from './cpu.ts';
import { type Machine, machine } from './machine.ts';
import { median } from './median.ts';

export interface PluginsOptions {
  /** Questions in one measurement. */
  readonly calls: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

/** Medians over the rounds, CPU µs of one question; `none` asks nobody and is the cost of the loop. */
export interface PluginsFigures {
  readonly kind: PluginKind | 'none';
  readonly atOnce: number;
  readonly askingUs: number;
  readonly processUs: number;
  readonly wallUs: number;
}

export interface PluginsReport extends Machine {
  readonly calls: number;
  readonly rounds: number;
  readonly figures: readonly PluginsFigures[];
}

const day = { from: '2020-01-01', to: '2099-12-31', holidays: [], workdays: [] };
const call = {
  ...{ timeMs: 1_780_000_000_000, method: 'GET', path: '/plain/a', query: [] },
  headers: { 'x-app': 'tax', 'x-app-time': '1780000000', 'x-app-sign': '0'.repeat(64) },
  bodySha256: '0'.repeat(64),
};
const facts = {
  ...{ timeMs: 1_780_000_000_000, method: 'GET', consumer: 'tax' },
  route: { flow: 'vehicles/get', owner: 'traffic-police', level: 'important' },
};

/** One question of each kind. */
const questions: Readonly<Record<PluginKind, { file: string; options: Json; item: Json }>> = {
  transform: { file: 'postal-area', options: { digits: 3 }, item: '110013' },
  detector: { file: 'vin', options: {}, item: ['车架号 LFV2A21K8A3000001 已登记', 'remark'] },
  condition: { file: 'china-workdays', options: day, item: facts },
  check: {
    ...{ file: 'id-birth-date', options: { id: 'idNumber', birth: 'birthDate' } },
    item: { idNumber: '310104197812160962', birthDate: '1978-12-16' },
  },
  authenticator: { file: 'hmac-header', options: { maxAgeSeconds: 300 }, item: call },
};

export async function benchPlugins({ calls, rounds, say }: PluginsOptions): Promise<PluginsReport> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  for (const { file } of Object.values(questions)) {
    const path = join(dir, `${file}.ts`);
    copyFileSync(join(import.meta.dirname, `../examples/plugins/${file}.ts`), path);
    chmodSync(path, 0o600);
  }
  const plugins = spawnPlugins(dir);
  const pids = { asking: process.pid, process: plugins.pid };
  const figures: PluginsFigures[] = [];
  try {
    const listed = await plugins.list();
    for (const kind of ['none', ...(Object.keys(questions) as PluginKind[])] as const) {
      const asks = kind === 'none' ? [] : [askOf(kind, listed)];
      for (const atOnce of [1, 32]) {
        const took: PluginsFigures[] = [];
        // The first round warms up.
        for (let round = 0; round <= rounds; round += 1) {
          const startedMs = performance.now();
          const before = readCpu(pids);
          await askMany(plugins.ask, asks, calls, atOnce);
          const { asking = 0, process: there = 0 } = cpuBetween(before, readCpu(pids));
          const wallUs = ((performance.now() - startedMs) * 1000) / calls;
          const [askingUs, processUs] = [asking / 1000 / calls, there / 1000 / calls];
          if (round > 0) took.push({ kind, atOnce, askingUs, processUs, wallUs });
        }
        const of = (name: 'askingUs' | 'processUs' | 'wallUs'): number =>
          median(took.map((one) => one[name]));
        const [askingUs, processUs, wallUs] = [of('askingUs'), of('processUs'), of('wallUs')];
        figures.push({ kind, atOnce, askingUs, processUs, wallUs });
        say(`${kind}, ${atOnce} at once: ${askingUs.toFixed(1)} + ${processUs.toFixed(1)} µs`);
      }
    }
  } finally {
    plugins.close();
    rmSync(dir, { recursive: true, force: true });
  }
  return { ...machine(), calls, rounds, figures };
}

function askOf(kind: PluginKind, listed: readonly { file: string; digest?: string }[]): PluginAsk {
  const { file, options, item } = questions[kind];
  const digest = listed.find((one) => one.file === `${file}.ts`)?.digest ?? '';
  return { use: { name: file, kind, digest, options }, verb: kind, items: [item] };
}

async function askMany(
  ask: AskPlugins,
  asks: readonly PluginAsk[],
  calls: number,
  atOnce: number,
): Promise<void> {
  let left = calls;
  const work = async (): Promise<void> => {
    for (; left > 0; ) {
      left -= 1;
      await ask(asks);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
