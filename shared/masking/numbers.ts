/** Masks that make numbers and dates coarser. What they cannot read they hide. */
import { plainText } from './normalise.ts';
import { hidden } from './text.ts';

/** A decimal number, also where it is written as text; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const text = plainText(value);
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
}

/** The range that a number lies in: edges 18, 60 make `<18`, `18..60` (60 is not in it), `>=60`. */
export function bucketLabels(edges: readonly number[]): string[] {
  return [
    `<${edges[0]}`,
    ...edges.slice(1).map((edge, at) => `${edges[at]}..${edge}`),
    `>=${edges.at(-1)}`,
  ];
}

export function bucketOf(edges: readonly number[], labels: readonly string[], value: number) {
  const above = edges.findIndex((edge) => value < edge);
  return labels[above === -1 ? edges.length : above] ?? hidden;
}

/** The nearest multiple; undefined where the result is no number that JSON carries exactly. */
export function roundTo(to: number, value: number): number | undefined {
  return exact(Number((Math.round(value / to) * to).toFixed(decimalsOf(to))));
}

/** `value` and up to `within` more or less; `share` from 0 to 1. Whole numbers stay whole. */
export function shifted(value: number, within: number, share: number): number | undefined {
  const moved = value + (2 * share - 1) * within;
  return exact(Number.isInteger(value) ? Math.round(moved) : Number(moved.toFixed(6)));
}

function exact(value: number): number | undefined {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value + 0 : undefined;
}

function decimalsOf(to: number): number {
  const [, fraction = '', exponent = '0'] = /^\d+(?:\.(\d+))?(?:e(-?\d+))?$/.exec(`${to}`) ?? [];
  return Math.max(0, fraction.length - Number(exponent));
}

const time = 'T?\\d{1,2}:\\d{2}(?::\\d{2})?(?:\\.\\d{1,9})?(?:Z|[+-]\\d{2}:?\\d{2})?';
const written = new RegExp(`^(\\d{4})[-/.年](\\d{1,2})[-/.月](\\d{1,2})日?(?:${time})?$`);
const compact = /^(\d{4})(\d{2})(\d{2})$/;

/** 1990-05-17, 1990/5/17, 1990年5月17日, 19900517, with or without a time → 1990 or 1990-05. */
export function dateTo(to: 'year' | 'month', text: string): string {
  const plain = plainText(text);
  const [, year = '', month = '', day = ''] = written.exec(plain) ?? compact.exec(plain) ?? [];
  const isReal = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= 31;
  if (!isReal) return hidden;
  return to === 'year' ? year : `${year}-${month.padStart(2, '0')}`;
}

export const isDateTo = (to: 'year' | 'month', text: string): boolean =>
  to === 'year' ? /^\d{4}$/.test(text) : /^\d{4}-(?:0[1-9]|1[0-2])$/.test(text);
