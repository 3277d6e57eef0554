/** What the detect bench says in RESULTS.md, line by line. */
import type { DetectReport } from './detect.ts';
import { forms } from './detect-forms.ts';
import { ranOn, table } from './table.ts';

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

export function detectSection(report: DetectReport): string[] {
  const { values, lookAlikes, falseAlarms, seed } = report;
  return [
    ranOn(report),
    `- ${values} values by seed ${seed}: ${report.each} of each kind, ${lookAlikes} look-alikes.`,
    '- Precision: of what was called this, how much is it. Recall: of what is this, how much was called',
    '  so. Found: how much was called anything, and so masked; also by the form it was written in.',
    '- Names, addresses, passports and permits stand in fields that are named so; all others do not.',
    '',
    ...table(
      ['kind', 'values', 'precision', 'recall', 'found', ...forms],
      report.kinds.map((one) => [
        one.kind,
        one.values,
        percent(one.precision),
        percent(one.recall),
        percent(one.found),
        ...forms.map((form) => percent(one.byForm[form])),
      ]),
    ),
    '',
    'Among the look-alikes are order numbers of eleven digits that begin like a mobile number, and things in',
    'fields called `name`: by themselves nothing tells them apart. `detect.open` of a route does.',
    '',
    `Look-alikes taken for personal data: ${falseAlarms} of ${lookAlikes}`.concat(
      ` (${percent(falseAlarms / lookAlikes)}).`,
    ),
    `The net over the open fields of a record of 1 KiB: ${report.usPerRecord.toFixed(2)} µs CPU.`,
  ];
}
