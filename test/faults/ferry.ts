/**
 * An ugly ferry between two folders: it copies slowly, in any order, some files twice and some never. What it
 * does follows from its seed.
 */
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { randomFrom } from '../journey/rig.ts';
import { sleep } from './world.ts';

export interface FerryOptions {
  readonly from: string;
  readonly to: string;
  readonly seed: number;
  /** How it says that a file is whole. */
  readonly convention: 'rename' | 'marker';
  /** Part of the files that arrive a second time. */
  readonly twice: number;
}

export interface Ferry {
  readonly carried: number;
  readonly carriedTwice: number;
  readonly lost: number;
  /** Files that overtook one that was dropped before them. */
  readonly overtakings: number;
  /** Loses the next `count` files. */
  loseNext(count: number): void;
  stop(): Promise<void>;
}

const pollMs = 20;
const delayMsMax = 250;
const pauseMs = 30;

export function startFerry({ from, to, seed, convention, twice }: FerryOptions): Ferry {
  const random = randomFrom(seed);
  const taken = new Set<string>();
  const underWay = new Set<Promise<void>>();
  const counted = { carried: 0, carriedTwice: 0, lost: 0, overtakings: 0 };
  let last = '';
  let toLose = 0;
  let stopped = false;

  const write = async (name: string, bytes: Buffer): Promise<void> => {
    const slow = join(to, convention === 'rename' ? `.${name}.part` : name);
    const half = Math.floor(bytes.length / 2);
    const file = openSync(slow, 'w');
    writeSync(file, bytes.subarray(0, half));
    await sleep(pauseMs);
    writeSync(file, bytes.subarray(half));
    closeSync(file);
    if (convention === 'rename') renameSync(slow, join(to, name));
    else writeFileSync(join(to, `${name}.done`), '');
  };
  const carry = async (name: string): Promise<void> => {
    const bytes = readFileSync(join(from, name));
    rmSync(join(from, name));
    taken.delete(name);
    if (toLose > 0) {
      toLose -= 1;
      counted.lost += 1;
      return;
    }
    const again = random() < twice;
    await sleep(random() * delayMsMax);
    if (name < last) counted.overtakings += 1;
    last = name > last ? name : last;
    await write(name, bytes);
    counted.carried += 1;
    if (!again) return;
    await sleep(random() * delayMsMax);
    await write(name, bytes);
    counted.carriedTwice += 1;
  };
  const looking = (async () => {
    while (!stopped) {
      const names = readdirSync(from).filter((name) => !name.startsWith('.') && !taken.has(name));
      for (const name of names) {
        taken.add(name);
        const carrying: Promise<void> = carry(name).finally(() => underWay.delete(carrying));
        underWay.add(carrying);
      }
      await sleep(pollMs);
    }
  })();
  return {
    get carried() {
      return counted.carried;
    },
    get carriedTwice() {
      return counted.carriedTwice;
    },
    get lost() {
      return counted.lost;
    },
    get overtakings() {
      return counted.overtakings;
    },
    loseNext(count) {
      toLose = count;
    },
    async stop() {
      stopped = true;
      await looking;
      await Promise.all(underWay);
    },
  };
}
