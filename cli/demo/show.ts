/** What the demo prints: each call with its journey, and one record as its source and its readers see it. */
import { counted } from '@sallyport/shared/counted.ts';
import { paint } from '../print.ts';
import type { DemoAnswer } from './call.ts';
import type { Hop } from './trace.ts';

/** One call: who asked what, what came back, and the way it took. */
export function callText(answer: DemoAnswer, hops: readonly Hop[]): string {
  const { consumer, method, path, status, ms } = answer;
  const good = status < 400;
  const outcome = paint(good ? 'green' : 'yellow', String(status));
  const head = `${paint('bold', consumer)}  ${method} ${path}  ${outcome}  ${ms} ms`;
  return [head, journeyText(hops), '', indent(answerText(answer.answer)), ''].join('\n');
}

const linesMax = 40;

/** The beginning of a long answer says what the rest is like. */
function answerText(answer: unknown): string {
  const lines = JSON.stringify(answer, null, 2).split('\n');
  const more = lines.length - linesMax;
  if (more <= 0) return lines.join('\n');
  return [...lines.slice(0, linesMax), `… ${counted(more, 'line')} more`].join('\n');
}

/** The journey as a table: when, where, which step, how long, how much, what was masked. */
function journeyText(hops: readonly Hop[]): string {
  const startMs = Math.min(...hops.map((hop) => hop.atMs));
  let lastNode = '';
  const rows = hops.map((hop) => {
    const node = hop.node === lastNode ? '' : hop.node;
    lastNode = hop.node;
    const cells = [
      `+${hop.atMs - startMs} ms`.padStart(8),
      node.padEnd(6),
      hop.process.padEnd(6),
      paint(hop.code === undefined ? 'cyan' : 'yellow', hop.step.padEnd(13)),
      (hop.tookMs === undefined ? '' : `${hop.tookMs.toFixed(2)} ms`).padStart(9),
      (hop.bytes === undefined ? '' : `${hop.bytes} B`).padStart(8),
      noteOf(hop),
    ];
    return `  ${cells.join('  ').trimEnd()}`;
  });
  return rows.join('\n');
}

function noteOf({ messages, masked, code }: Hop): string {
  if (code !== undefined) return paint('yellow', code);
  if (messages !== undefined) return `${counted(messages, 'message')} in the package`;
  const rules = Object.entries(masked ?? {})
    .sort()
    .map(([rule, count]) => `${rule} ×${count}`);
  if (rules.length === 0) return '';
  const more = rules.length - rulesMax;
  return `masked: ${rules.slice(0, rulesMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const rulesMax = 4;

/** The same record at its source and at each reader, field by field. */
export function comparison(
  source: unknown,
  readers: readonly { readonly name: string; readonly record: unknown }[],
): string {
  const rows = leaves(source).map(([path, value]) => [
    path,
    value,
    ...readers.map(({ record }) => valueAt(record, path)),
  ]);
  const table = [['field', 'at the source', ...readers.map(({ name }) => name)], ...rows];
  const widths = table[0]?.map((_, column) => widest(table.map((row) => row[column] ?? ''))) ?? [];
  return table
    .map((row, index) => {
      const line = row.map((cell, column) => pad(cell, widths[column] ?? 0)).join('  ');
      return `  ${index === 0 ? paint('bold', line.trimEnd()) : line.trimEnd()}`;
    })
    .join('\n');
}

function leaves(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path, shown(value)]];
  return Object.entries(value).flatMap(([key, inner]) =>
    leaves(inner, path === '' ? key : `${path}.${key}`),
  );
}

function valueAt(record: unknown, path: string): string {
  const found = path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], record);
  return found === undefined ? '·' : shown(found);
}

const cellMax = 28;

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > cellMax ? `${text.slice(0, cellMax - 1)}…` : text;
}

/** Columns on a terminal: Chinese characters take two. */
function columns(text: string): number {
  let count = 0;
  for (const character of text) count += /[\u1100-\u115f\u2e80-\uff60]/.test(character) ? 2 : 1;
  return count;
}

const widest = (cells: readonly string[]): number => Math.max(...cells.map(columns));

const pad = (text: string, width: number): string => text + ' '.repeat(width - columns(text));

const indent = (text: string): string => text.replaceAll(/^/gm, '    ');
