/**
 * Condition: whether it is a working day in China. The State Council publishes each autumn which days of
 * the next year are free and on which weekends people work instead; that table is the options, so a new
 * year is a new version of the policy and no new code. A day that the table does not reach is no answer:
 * the call is refused.
 */
import type { CallFacts, Condition } from '@sallyport/shared/plugins/api.ts';

interface Options {
  /** First and last day that the table knows. */
  readonly from: string;
  readonly to: string;
  /** Free although weekdays. */
  readonly holidays: readonly string[];
  /** Worked although weekends. */
  readonly workdays: readonly string[];
}

const day = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'Asia/Shanghai',
  ...{ year: 'numeric', month: '2-digit', day: '2-digit' },
});
const date = { type: 'string', format: 'date' };
const dates = { type: 'array', items: date, maxItems: 366 };

const table = {
  from: '2026-01-01',
  to: '2026-12-31',
  holidays: ['2026-10-01', '2026-10-02', '2026-10-05', '2026-10-06', '2026-10-07'],
  workdays: ['2026-09-20', '2026-10-10'],
};
const at = (time: string): CallFacts => ({
  timeMs: Date.parse(time),
  method: 'GET',
  consumer: 'tax-bureau',
  route: { flow: 'citizen-registry/get-citizen', owner: 'civil-affairs', level: 'important' },
});

export default {
  kind: 'condition',
  name: 'china-workdays',
  version: '1.0.0',
  options: {
    type: 'object',
    properties: { from: date, to: date, holidays: dates, workdays: dates },
    required: ['from', 'to', 'holidays', 'workdays'],
  },
  holds({ timeMs }, { from, to, holidays, workdays }) {
    const today = day.format(timeMs);
    if (today < from || today > to) throw new RangeError('the table does not reach this day');
    if (workdays.includes(today)) return true;
    if (holidays.includes(today)) return false;
    const weekday = new Date(`${today}T00:00:00Z`).getUTCDay();
    return weekday >= 1 && weekday <= 5;
  },
  examples: [
    { facts: at('2026-09-30T09:00:00+08:00'), options: table, gives: true },
    { facts: at('2026-10-01T09:00:00+08:00'), options: table, gives: false },
    { facts: at('2026-10-10T09:00:00+08:00'), options: table, gives: true },
    { facts: at('2026-10-17T09:00:00+08:00'), options: table, gives: false },
    // Still the evening before in UTC.
    { facts: at('2026-10-08T00:30:00+08:00'), options: table, gives: true },
  ],
} satisfies Condition<Options>;
