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
    '- Names: 80% in Han characters, 10% in pinyin, 10% of other countries; half beside fields of a person.',
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
    'Some look-alikes cannot be told apart: eleven digits that begin like a mobile number in a field',
    'called `ref` or `code`, and things in a field called `name`, without what only goods have beside it,',
    'whose names could be those of people (马河, 黄芪, 温州, Rose Garden). `detect.open` of a route tells them.',
    'In a field that numbers things by its name eleven digits are no mobile number: one that is put there',
    'alone is missed; so is one in a list of numbers of at most three digits, parted alike. Names of other',
    'countries that the detector does not know are missed in such a `name` too; beside what only persons',
    'have, such as a date of birth, any name is found.',
    '',
    `Look-alikes taken for personal data: ${falseAlarms} of ${lookAlikes}`.concat(
      ` (${percent(falseAlarms / lookAlikes)}).`,
    ),
    `The net over the open fields of a record of 1 KiB: ${report.usPerRecord.toFixed(2)} µs CPU.`,
  ];
}
