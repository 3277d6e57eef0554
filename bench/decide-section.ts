/** What the decide bench says in RESULTS.md, line by line. */
import type { DecideReport } from './decide.ts';
import { ranOn, table } from './table.ts';

export function decideSection(report: DecideReport): string[] {
  return [
    ranOn(report),
    '- One decision of the outer guard: authenticate, replay memory, route, grant, limits. Without content.',
    '- Bare: the HMAC or the verification alone, with the same kind of key.',
    `- ${report.rounds} rounds of ${report.calls} calls, each with a nonce of its own; CPU by the kernel.`,
    '',
    ...table(
      ['credential', 'CPU µs', 'bare µs', 'of ours µs'],
      report.figures.map(({ credential, cpuUs, baselineUs }) => [
        credential,
        cpuUs.toFixed(1),
        baselineUs.toFixed(1),
        (cpuUs - baselineUs).toFixed(1),
      ]),
    ),
  ];
}
