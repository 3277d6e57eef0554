/** A pair of nodes that a bench measures: its policy in force, its ten processes known by name. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { control } from '@sallyport/cli/control.ts';
import {
  type DemoChannel,
  type DemoHsm,
  type DemoPair,
  startPair,
} from '@sallyport/cli/demo/pair.ts';
import { processNames } from '@sallyport/shared/config/home.ts';

export interface Heads {
  /** Packages sealed so far on both lanes; each bears one signature. */
  readonly sealed: number;
  /** Last blocks of the audit logs. */
  readonly audit: Readonly<Record<'outer' | 'inner', number>>;
}

export interface BenchPair {
  readonly url: string;
  readonly caFile: string;
  /** API key of its one consumer. */
  readonly key: string;
  readonly hsm: string;
  readonly outer: string;
  readonly inner: string;
  /** `outer/guard` → process id, as the supervisors keep them. */
  readonly pids: Readonly<Record<string, number>>;
  /** How far both nodes are. */
  heads(): Promise<Heads>;
  stop(): Promise<void>;
}

export interface BenchPairOptions {
  readonly dir: string;
  readonly channel: DemoChannel;
  readonly hsm: DemoHsm;
  readonly upstream: string;
  /** How many messages a package may hold; absent: as many as it can. */
  readonly messagesMax?: number;
}

export async function startBenchPair(options: BenchPairOptions): Promise<BenchPair> {
  const { dir, channel, hsm, messagesMax } = options;
  const batches = messagesMax === undefined ? '' : `package: { messagesMax: ${messagesMax} }\n`;
  const configure = (text: string): string => text + batches;
  const pair = await startPair({ dir, channel, hsm, configure, say: () => {} });
  const { outer, inner, url, caFile } = pair;
  try {
    const key = await openRoute(pair, dir, options.upstream);
    return {
      ...{ url, caFile, key, hsm: pair.hsm, outer, inner },
      pids: { ...pidsOf(outer, 'outer'), ...pidsOf(inner, 'inner') },
      heads: async () => {
        const [there, here] = [await headsOf(outer), await headsOf(inner)];
        return {
          sealed: there.sealed + here.sealed,
          audit: { outer: there.audit, inner: here.audit },
        };
      },
      stop: pair.stop,
    };
  } catch (thrown) {
    await pair.stop();
    throw thrown;
  }
}

/** Applies the bench's policy, with one consumer; returns its key. */
async function openRoute(pair: DemoPair, dir: string, upstream: string): Promise<string> {
  const policyDir = join(dir, 'policy');
  cpSync(join(import.meta.dirname, 'policy'), policyDir, { recursive: true });
  const file = join(policyDir, 'policy.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replaceAll('http://127.0.0.1:9100', upstream));
  const key = await pair.sallyport('consumer', 'key', 'issue', 'load', '--dir', pair.inner);
  await pair.sallyport('policy', 'apply', file, '--dir', pair.inner);
  while (!(await fetch(`${pair.managementUrls[0]}/readyz`)).ok) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return key.trim();
}

function pidsOf(dir: string, role: string): Record<string, number> {
  const file = JSON.parse(readFileSync(join(dir, 'run', 'processes.json'), 'utf8'));
  return Object.fromEntries(
    processNames.map((name) => [`${role}/${name}`, Number(file.processes[name]?.pid ?? 0)]),
  );
}

interface Told {
  readonly lanes: { readonly out: readonly { readonly head: number }[] };
  readonly audit: { readonly sequence: number };
}

async function headsOf(dir: string): Promise<{ sealed: number; audit: number }> {
  const { head } = await control(dir, 'status');
  const { processes } = head as { processes: { name: string; told?: Told }[] };
  const told = processes.find(({ name }) => name === 'guard')?.told;
  return { sealed: told?.lanes.out[0]?.head ?? 0, audit: told?.audit.sequence ?? 0 };
}
