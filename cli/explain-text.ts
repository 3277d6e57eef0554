/** An explanation for eyes. */
import { errorTable } from '@sallyport/shared/errors.ts';
import { type Access, maskText } from '@sallyport/shared/policy/access.ts';
import type { Explanation, Step } from '@sallyport/shared/policy/explain.ts';
import { timeText } from './amounts.ts';
import { paint } from './print.ts';

export function explanationText(explanation: Explanation): string {
  const { allowed, code, consumer, policyVersion, steps, crosses, limits, fields } = explanation;
  const by = policyVersion === 0 ? 'this policy' : `policy version ${policyVersion}`;
  const verdict =
    code === undefined
      ? paint('green', `allowed by ${by}`)
      : paint('red', `refused by ${by}: ${errorTable[code].text} [${code}]`);
  const rates = Object.entries(limits ?? {}).map(([period, calls]) => `${calls} ${period}`);
  const width = Math.max(0, ...fields.map(({ field }) => field.length));
  const shown = allowed ? fields : [];
  return [
    verdict,
    ...steps.map(stepLine),
    ...(crosses.length > 0 ? [`  crosses with the request: ${crosses.join(', ')}`] : []),
    ...(rates.length > 0 ? [`  limits: ${rates.join(', ')} (not counted here)`] : []),
    ...(shown.length > 0 ? [`  ${consumer} would get:`] : []),
    ...shown.map(({ field, access }) => `    ${field.padEnd(width)}  ${accessText(access)}`),
  ].join('\n');
}

const signs: Readonly<Record<Step['outcome'], string>> = {
  passed: '✓',
  refused: '✗',
  unanswered: '?',
};

function stepLine({ step, outcome, detail }: Step): string {
  const sign = paint(outcome === 'passed' ? 'green' : 'red', signs[outcome]);
  return `  ${sign} ${step.padEnd(8)}  ${detail}`;
}

function accessText(access: Access): string {
  switch (access.kind) {
    case 'none':
      return 'nothing';
    case 'may':
      return 'no body';
    case 'clear':
      return 'the value';
    case 'masked':
      return maskText(access.mask);
    case 'unmasked': {
      const { reason, approver, untilMs } = access;
      const why = `until ${timeText(untilMs)}: ${reason} (${approver})`;
      return paint(['bold', 'red'], `UNMASKED ${why}`);
    }
  }
}
