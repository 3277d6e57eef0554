/** Writes bench/RESULTS.md from a run and returns its text. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExchangeFigures, ExchangeReport } from './exchange.ts';

export function writeResults(report: ExchangeReport): string {
  const text = [
    '# Results',
    '',
    '`npm run bench -- exchange`: medians of alternated rounds.',
    '',
    `- Machine: ${report.machine}; Node ${report.node}. Load generator, upstream, both nodes and the`,
    '  baseline run on it together.',
    `- Channel ${report.channel}, keys in ${report.hsm}, TLS at the outer edge, one record of 1 KiB a call.`,
    '- Baseline: a bare Node reverse proxy (TLS in front, undici behind) to the same upstream.',
    `- ${report.rounds} rounds of ${report.seconds} s each.`,
    '- CPU: by the kernel, both nodes together, per exchange.',
    '',
    `| ${columns.join(' | ')} |`,
    `|${columns.map(() => '---').join('|')}|`,
    ...report.figures.map(figureRow),
    '',
    '## CPU by process, µs per exchange',
    '',
    ...processTable(report.figures),
    '',
  ].join('\n');
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text);
  return text;
}

const columns = [
  'connections',
  'exchanges/s',
  'p50 ms',
  'p99 ms',
  'CPU µs',
  'messages/signature',
  'baseline/s',
  'baseline CPU µs',
  'ratio',
];

function figureRow(figure: ExchangeFigures): string {
  const { baseline } = figure;
  const cells = [
    figure.connections,
    Math.round(figure.exchangesPerSec),
    figure.p50Ms.toFixed(1),
    figure.p99Ms.toFixed(1),
    Math.round(figure.cpuUsPerExchange),
    figure.messagesPerSignature.toFixed(1),
    Math.round(baseline.exchangesPerSec),
    Math.round(baseline.cpuUsPerExchange),
    figure.ratio.toFixed(2),
  ];
  return `| ${cells.join(' | ')} |`;
}

function processTable(figures: readonly ExchangeFigures[]): string[] {
  const names = Object.keys(figures[0]?.byProcess ?? {});
  return [
    `| process | ${figures.map(({ connections }) => `${connections} conn.`).join(' | ')} |`,
    `|---|${figures.map(() => '---').join('|')}|`,
    ...names.map((name) => {
      const cells = figures.map(({ byProcess }) => Math.round(byProcess[name] ?? 0));
      return `| ${name} | ${cells.join(' | ')} |`;
    }),
  ];
}
