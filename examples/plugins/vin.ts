/**
 * Detector: vehicle identification numbers (GB 16735, ISO 3779): 17 characters without I, O and Q, the
 * ninth a check digit. A number leads to a car and its owner.
 */
import type { Detector, Span } from '@sallyport/shared/plugins/api.ts';

const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
/** What each letter counts. */
const letters: Readonly<Record<string, number>> = {
  ...{ A: 1, B: 2, C: 3, D: 4, E: 5, F: 6, G: 7, H: 8 },
  ...{ J: 1, K: 2, L: 3, M: 4, N: 5, P: 7, R: 9 },
  ...{ S: 2, T: 3, U: 4, V: 5, W: 6, X: 7, Y: 8, Z: 9 },
};

function hasCheckDigit(vin: string): boolean {
  let sum = 0;
  for (let at = 0; at < 17; at += 1) {
    const character = vin[at] ?? '';
    sum += (letters[character] ?? Number(character)) * (weights[at] ?? 0);
  }
  const rest = sum % 11;
  return vin[8] === (rest === 10 ? 'X' : String(rest));
}

/** Full-width letters and digits as plain ones, one for one, so that places stay what they are. */
const plain = (text: string): string =>
  text
    .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .toUpperCase();

export default {
  kind: 'detector',
  name: 'vin',
  version: '1.0.0',
  detect(text) {
    const known = plain(text);
    // Capital letters can be longer than small ones; then places would not fit.
    const searched = known.length === text.length ? known : text;
    const found = searched.matchAll(/(?<![A-Z0-9])[A-HJ-NPR-Z0-9]{17}(?![A-Z0-9])/g);
    return [...found]
      .filter(([vin]) => hasCheckDigit(vin))
      .slice(0, 64)
      .map(({ 0: vin, index }): Span => [index, index + vin.length]);
  },
  examples: [
    { text: 'LSVAA4182E2184847', gives: [[0, 17]] },
    { text: '车架号 1M8GDM9AXKP042788 已登记', gives: [[4, 21]] },
    { text: '1m8gdm9axkp042788', gives: [[0, 17]] },
    { text: '１Ｍ８ＧＤＭ９ＡＸＫＰ０４２７８８', gives: [[0, 17]] },
    { text: '1M8GDM9A1KP042788', gives: [] },
    { text: 'order 11111111111111111 and A1M8GDM9AXKP042788', gives: [[6, 23]] },
  ],
} satisfies Detector;
