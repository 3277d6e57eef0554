/** Keeps bench/RESULTS.md: one section for each bench, replaced when that bench runs again. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const names = ['exchange', 'mask', 'package', 'detect', 'decide', 'plugins'] as const;
export type BenchName = (typeof names)[number];

const file = join(import.meta.dirname, 'RESULTS.md');
const head = `# Results

Each section is written by \`npm run bench -- <its name>\`. Baselines run in turn with what they are
compared with; medians are reported.
`;

/** Writes the section and returns its text. */
export function writeResults(name: BenchName, lines: readonly string[]): string {
  const text = `## ${name}\n\n${lines.join('\n')}\n`;
  const sections = new Map(readSections()).set(name, text);
  const ordered = names.flatMap((one) => sections.get(one) ?? []);
  writeFileSync(file, [head, ...ordered].join('\n'));
  return text;
}

function readSections(): [name: string, text: string][] {
  const [, ...parts] = readOrNothing().split(/^## /m);
  return parts.map((part) => [part.split('\n', 1)[0] ?? '', `## ${part.trimEnd()}\n`]);
}

function readOrNothing(): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
