/** Rows of what a node takes: at the start, in the second third, in the last. */
import { processNames } from '@sallyport/shared/config/home.ts';
import type { NodeSample } from './sample.ts';

export interface Row {
  /** `outer guard`, `inner files`. */
  readonly name: string;
  readonly what: string;
  readonly first: number;
  /** Median over the second third, and over the last. */
  readonly middle: number;
  readonly last: number;
  readonly most: number;
}

export function rowsOf(role: string, samples: readonly NodeSample[]): Row[] {
  const processes = processNames.flatMap((name) =>
    (['pid', 'rssBytes', 'heapBytes', 'fds', 'sockets', 'threads'] as const).map((what) =>
      rowOf(
        `${role} ${name}`,
        what,
        samples.map((one) => one.processes[name][what]),
      ),
    ),
  );
  const [first] = samples;
  const kinds = Object.keys(first?.files ?? {}) as (keyof NodeSample['files'])[];
  const files = kinds.map((what) =>
    rowOf(
      `${role} files`,
      what,
      samples.map((one) => one.files[what]),
    ),
  );
  return [...processes, ...files];
}

function rowOf(name: string, what: string, values: readonly number[]): Row {
  const third = Math.floor(values.length / 3);
  return {
    ...{ name, what, first: values[0] ?? 0 },
    middle: median(values.slice(third, 2 * third)),
    last: median(values.slice(2 * third)),
    most: Math.max(...values),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export function tableOf(rows: readonly Row[]): string[] {
  const shown = rows.filter(({ what }) => what !== 'pid');
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(32) : cell.padStart(11))).join('');
  return [
    line(['', 'first', 'second ⅓', 'last ⅓', 'most']),
    ...shown.map(({ name, what, first, middle, last, most }) =>
      line([`${name} ${what}`, ...[first, middle, last, most].map((value) => told(what, value))]),
    ),
  ];
}

const told = (what: string, value: number): string =>
  what.endsWith('Bytes') ? `${(value / 1024 / 1024).toFixed(1)} MiB` : String(value);
