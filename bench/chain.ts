/**
 * The least that one call alone can cost on this machine: the processes of a pair woken in the order of a
 * call, over the sockets and frames that the nodes use, with its four commits and four uses of a key, and
 * nothing else. A baseline for calls that come one by one.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findSoftHsm, makeTokens } from '@sallyport/cli/demo/softhsm.ts';
import { type HsmConfig, openHsm } from '@sallyport/hsm/open.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { ask, type Child, told } from './child.ts';
import { cpuBetween, readCpu } from './cpu.ts';
import { median } from './median.ts';

type Hop = readonly [process: string, work?: 'commit' | 'sign'];

export interface LinkOptions {
  readonly dir: string;
  readonly name: string;
  readonly hops: readonly Hop[];
  /** Of a process that signs. */
  readonly hsm: HsmConfig | undefined;
  /** Label of its key. */
  readonly key: string;
}

export interface LinkConnect {
  readonly kind: 'connect';
  readonly to: readonly string[];
}

export interface LinkRun {
  readonly kind: 'run';
  readonly calls: number;
}

export interface LinkResult {
  readonly p50Ms: number;
}

export interface ChainFigures {
  readonly p50Ms: number;
  /** Of all its processes, per call. */
  readonly cpuUs: number;
}

const out: readonly Hop[] = [
  ['outer-guard'],
  ['outer-signer', 'sign'],
  ['outer-guard', 'commit'],
  ['outer-mover'],
  ['inner-mover'],
  ['inner-guard'],
  ['inner-signer', 'sign'],
  ['inner-guard', 'commit'],
];
const back: readonly Hop[] = out.map(([name, ...work]) => [other(name), ...work]);
const hops: readonly Hop[] = [['outer-edge'], ...out, ['inner-edge'], ...back, ['outer-edge']];

function other(name: string): string {
  return name.startsWith('outer') ? name.replace('outer', 'inner') : name.replace('inner', 'outer');
}

/** `start`: of the bench, so that its processes end with it. Medians of `rounds`. */
export async function measureChain(
  dir: string,
  kind: string,
  rounds: number,
  start: (file: string, ...args: string[]) => Child,
): Promise<ChainFigures> {
  const keys = await makeKeys(dir, kind);
  const names = [...new Set(hops.map(([name]) => name))];
  const links = new Map<string, Child>();
  for (const name of names) {
    const options: LinkOptions = { dir, name, hops, hsm: keys[name], key };
    const link = start('chain-link.ts', JSON.stringify(options));
    links.set(name, link);
    await told(link);
  }
  for (const [name, link] of links) {
    await ask(link, { kind: 'connect', to: dialledBy(name) } satisfies LinkConnect);
  }
  const first = links.get('outer-edge');
  if (!first) throw new Error('expected a chain with a first process');
  const pids = Object.fromEntries([...links].map(([name, { pid }]) => [name, pid]));
  const measured: ChainFigures[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const before = readCpu(pids);
    const { p50Ms } = await ask<LinkResult>(first, { kind: 'run', calls } satisfies LinkRun);
    const spent = Object.values(cpuBetween(before, readCpu(pids)));
    measured.push({ p50Ms, cpuUs: spent.reduce((sum, ns) => sum + ns, 0) / 1000 / calls });
  }
  const warm = measured.slice(1);
  for (const { process } of links.values()) process.kill();
  return {
    p50Ms: median(warm.map(({ p50Ms }) => p50Ms)),
    cpuUs: median(warm.map(({ cpuUs }) => cpuUs)),
  };
}

const calls = 1000;
const key = 'chain';

/** Each pair of neighbours has one socket, which the one of the smaller name dials. */
function dialledBy(name: string): string[] {
  const found = new Set<string>();
  for (const [at, [from]] of hops.entries()) {
    const to = hops[at + 1]?.[0];
    if (to === undefined) continue;
    if (from === name && from < to) found.add(to);
    if (to === name && to < from) found.add(from);
  }
  return [...found];
}

/** A key store with one key for each process that signs. */
async function makeKeys(dir: string, kind: string): Promise<Record<string, HsmConfig>> {
  const names = [...new Set(hops.flatMap(([name, work]) => (work === 'sign' ? [name] : [])))];
  const configs = kind === 'soft' ? makeFiles(dir, names) : await makeHsms(dir, names);
  for (const config of configs) {
    if (config.kind === 'soft') await createSoftKeystore(config);
    const hsm = await openHsm(config);
    await hsm.generateKeyPair(key, 'sign');
    await hsm.close();
  }
  return Object.fromEntries(configs.map((config, at) => [names[at], config]));
}

function makeFiles(dir: string, names: readonly string[]): HsmConfig[] {
  return names.map((name) => {
    const pinFile = join(dir, `${name}.pin`);
    writeFileSync(pinFile, 'a pin of the bench', { mode: 0o600 });
    return { kind: 'soft', file: join(dir, `${name}.keys`), pinFile };
  });
}

async function makeHsms(dir: string, names: readonly string[]): Promise<HsmConfig[]> {
  const tokens = await makeTokens(dir, (await findSoftHsm()) ?? '', names);
  return tokens.map(({ module, label: tokenLabel, pinFile }) => {
    return { kind: 'pkcs11', module, tokenLabel, pinFile };
  });
}
