/** What the exchange bench says in RESULTS.md. */
import type { ExchangeReport } from './exchange.ts';
import type { ExchangeFigures, PairFigures } from './exchange-figures.ts';
import { stepNames } from './steps.ts';
import { ranOn, table } from './table.ts';

export function exchangeSection(report: ExchangeReport): string[] {
  return [
    ranOn(report),
    '- Load generator, upstream, both nodes and the baseline run on the machine together.',
    `- Channel ${report.channel}, keys in ${report.hsm}, TLS at the outer edge, 1 KiB a call.`,
    '- Baseline: a bare Node reverse proxy (TLS in front, undici behind) to the same upstream.',
    `- ${report.rounds} rounds of ${report.seconds} s each, once calls cost no less than the ones before.`,
    '- CPU: by the kernel, both nodes together, per exchange.',
    '',
    ...table(exchangeColumns, report.figures.map(exchangeRow)),
    '',
    ...chainLines(report),
    ...comparisonLines(report),
    '### CPU by process, µs per exchange',
    '',
    ...byConnections(
      'process',
      report,
      ({ byProcess, around }) => ({ ...byProcess, ...around }),
      0,
    ),
    '',
    '### Time by step, mean ms of an exchange',
    '',
    'From the audit logs of both nodes, without the outer edge; a step ends where the next one begins.',
    '',
    ...byConnections('step', report, withSum, 1),
    '',
    ...whatIsLeft,
  ];
}

const whatIsLeft = [
  'What is left. Under load both processors are nearly full, and no single part stands out. A package',
  'costs both nodes some 4 ms of CPU whatever it holds (see batches of one): with 76 messages in it more',
  'than a quarter of an exchange. Longer rests between packages would fill them more, but then processors',
  'wait: three times as long as a package took cost a tenth of the exchanges. Of a guard a fifth is',
  'SQLite, as much sealing and opening, a tenth each collecting garbage, masking and the lines to its',
  'neighbours; the rest is small steps between promises. Of the edges four fifths are HTTP and TLS of',
  'Node and undici, as in the bare proxy. One call alone pays for two packages by itself; waking the',
  'processes, committing and signing are a quarter of that, and no flag of the engine, placing of',
  'processes on processors or larger pages makes a difference. Fewer, larger processes would be faster;',
  'they are apart so that whoever takes one has not taken the next.',
];

const pairColumns = ['exchanges/s', 'p50 ms', 'p99 ms', 'CPU µs', 'messages/signature'];
const baselineColumns = ['baseline/s', 'baseline p50 ms', 'baseline CPU µs', 'ratio'];
const exchangeColumns = ['connections', ...pairColumns, ...baselineColumns];

function pairCells(figure: PairFigures): (string | number)[] {
  return [
    Math.round(figure.exchangesPerSec),
    figure.p50Ms.toFixed(1),
    figure.p99Ms.toFixed(1),
    Math.round(figure.cpuUsPerExchange),
    figure.messagesPerSignature.toFixed(1),
  ];
}

function exchangeRow(figure: ExchangeFigures): (string | number)[] {
  const { connections, baseline, ratio } = figure;
  return [
    ...[connections, ...pairCells(figure)],
    Math.round(baseline.exchangesPerSec),
    baseline.p50Ms.toFixed(2),
    Math.round(baseline.cpuUsPerExchange),
    ratio.toFixed(2),
  ];
}

function chainLines({ chain }: ExchangeReport): string[] {
  if (!chain) return [];
  const figures = `p50 ${chain.p50Ms.toFixed(1)} ms, ${Math.round(chain.cpuUs)} µs CPU`;
  return [
    'The least for one call alone: processes woken in the same order, over the same sockets and frames,',
    `with four commits and four signatures, and nothing else: ${figures}.`,
    '',
  ];
}

function comparisonLines({ comparisons, channel, hsm }: ExchangeReport): string[] {
  if (comparisons.length === 0) return [];
  const rows = comparisons.map((one) => [
    ...[one.name, one.connections, ...pairCells(one)],
    `${(one.usual / one.exchangesPerSec).toFixed(1)} times`,
  ]);
  return [
    '### Other pairs',
    '',
    `Each in turn with the usual one (${channel}, ${hsm}), which makes so many times its exchanges.`,
    '',
    ...table(['pair', 'connections', ...pairColumns, 'the usual one'], rows),
    '',
  ];
}

/** A row for each name, a column for each count of connections. */
function byConnections(
  what: string,
  { figures }: ExchangeReport,
  valuesOf: (figure: ExchangeFigures) => Readonly<Record<string, number>>,
  digits: number,
): string[] {
  const names = [...new Set(figures.flatMap((figure) => Object.keys(valuesOf(figure))))];
  return table(
    [what, ...figures.map(({ connections }) => `${connections} conn.`)],
    names.map((name) => [
      name,
      ...figures.map((figure) => valuesOf(figure)[name]?.toFixed(digits) ?? ''),
    ]),
  );
}

function withSum({ steps }: ExchangeFigures): Readonly<Record<string, number>> {
  const sum = stepNames.reduce((total, name) => total + (steps[name] ?? 0), 0);
  return { ...steps, together: sum };
}
