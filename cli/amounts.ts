/** Amounts as people read them. What is no number is `?`. */

import { SallyportError } from '@sallyport/shared/errors.ts';

/** Such as `2.1 MiB`. */
export function bytesText(value: unknown): string {
  if (typeof value !== 'number') return '?';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let amount = value;
  let unit = 0;
  for (; amount >= 1024 && unit < units.length - 1; unit += 1) amount /= 1024;
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}

/** A span of time in its two largest units: `3 s`, `2 min 5 s`, `4 d 7 h`. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const from = parts.findIndex(([amount]) => amount > 0);
  if (from < 0) return '0 s';
  const shown = parts.slice(from, from + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(' ');
}

/** Local time, `2026-11-23 15:41:54`. */
export function timeText(ms: number): string {
  return new Date(ms).toLocaleString('sv-SE');
}

/** Whole and positive. Errors: USAGE. */
export function readCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new SallyportError('USAGE', `expected a positive whole number, got ${text}`);
}
