/**
 * Transform: a Chinese postal code down to its area. The first two digits are the province, the third the
 * postal district, the fourth the county: 110013 → 110***.
 */
import type { Transform } from '@sallyport/shared/plugins/api.ts';

interface Options {
  /** How many digits stay, 1 to 5. */
  readonly digits: number;
}

const plain = (value: string | number): string =>
  String(value).normalize('NFKC').replace(/[\s-]/g, '');

export default {
  kind: 'transform',
  name: 'postal-area',
  version: '1.0.0',
  options: {
    type: 'object',
    properties: { digits: { type: 'integer', minimum: 1, maximum: 5 } },
    required: ['digits'],
  },
  transform(value, { digits }) {
    const code = plain(value);
    if (!/^\d{6}$/.test(code)) return '***';
    return code.slice(0, digits).padEnd(6, '*');
  },
  isMasked(value, { digits }) {
    if (typeof value !== 'string' || value.length !== 6) return false;
    return /^\d+$/.test(value.slice(0, digits)) && /^\*+$/.test(value.slice(digits));
  },
  examples: [
    { value: '110013', options: { digits: 3 }, gives: '110***' },
    { value: '１１０ ０１３', options: { digits: 2 }, gives: '11****' },
    { value: 110013, options: { digits: 4 }, gives: '1100**' },
    { value: '11001', options: { digits: 3 }, gives: '***' },
    { value: 'unknown', options: { digits: 3 }, gives: '***' },
  ],
} satisfies Transform<Options>;
