/** What the plug-ins bench says in RESULTS.md, line by line. */
import type { PluginsReport } from './plugins.ts';
import { ranOn, table } from './table.ts';

export function pluginsSection(report: PluginsReport): string[] {
  return [
    ranOn(report),
    '- One question with one value to a plug-in of examples/plugins, as a guard asks for each document.',
    '- Asking: the process that asks. Plug-ins: theirs, the worker included. `none`: nobody is asked.',
    `- ${report.rounds} rounds of ${report.calls} questions; CPU by the kernel, all threads.`,
    '',
    ...table(
      ['kind', 'at once', 'asking CPU µs', 'plug-ins CPU µs', 'µs by the clock'],
      report.figures.map(({ kind, atOnce, askingUs, processUs, wallUs }) => [
        kind,
        atOnce,
        askingUs.toFixed(1),
        processUs.toFixed(1),
        wallUs.toFixed(1),
      ]),
    ),
    '',
    'What is left: two wires and a message to a thread for each question, however much is in it. All values',
    'of one document are one question, so a document of a hundred values pays once.',
  ];
}
