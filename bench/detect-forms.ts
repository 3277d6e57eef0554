/** The ways in which a value is written: plainly, in a sentence, and so that a search would miss it. */
import type { Random } from '@sallyport/examples/citizen-registry/random.ts';
import type { Kind } from '@sallyport/shared/detect/kinds.ts';

export const forms = ['plain', 'sentence', 'full-width', 'spaced', 'zero-width', 'mixed'] as const;
export type Form = (typeof forms)[number];

/** What is only recognised by its field stands there alone, without a sentence around it. */
const alone: ReadonlySet<Kind> = new Set(['name', 'address', 'passport', 'permit']);

export function write(random: Random, form: Form, kind: Kind, value: string): string {
  switch (form) {
    case 'plain':
      return value;
    case 'sentence':
      if (alone.has(kind)) return ` ${value} `;
      return `${random.pick(['请联系', '登记为：', '见附件 ', 'see '])}${value}${random.pick(['。', ' 谢谢', '，已核', ''])}`;
    case 'full-width':
      return kind === 'secret' ? value : fullWidth(value);
    case 'spaced':
      return spaced(random, kind, value);
    case 'zero-width':
      return [...value].join(random.pick(['\u200b', '\u200d', '\u2060', '\u00ad']));
    case 'mixed':
      return mixed(random, kind, value);
  }
}

/** Kinds whose characters people part by spaces or hyphens. */
const parted: ReadonlySet<Kind> = new Set([
  'resident-id',
  'mobile',
  'landline',
  'bank-card',
  'credit-code',
  'plate',
]);

function spaced(random: Random, kind: Kind, value: string): string {
  if (!parted.has(kind)) return kind === 'email' ? value.replace('@', ' @ ') : ` ${value}`;
  const size = kind === 'plate' ? 2 : random.pick([4, 3, 6]);
  const parts = value.match(new RegExp(`.{1,${size}}`, 'g')) ?? [value];
  return parts.join(random.pick([' ', '-', ' - ', '\u3000', '\u00a0']));
}

/** Full-width here, plain there, with invisible characters and a stranger's digits strewn in. */
function mixed(random: Random, kind: Kind, value: string): string {
  if (kind === 'secret') return `"${value}"`;
  return [...value]
    .map((one) => {
      const written = random.chance(0.3)
        ? fullWidth(one)
        : random.chance(0.2)
          ? stranger(one)
          : one;
      return random.chance(0.2) ? `${written}\u200b` : written;
    })
    .join('');
}

function fullWidth(text: string): string {
  return text.replace(/[!-~]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0));
}

/** A mathematical bold digit (U+1D7CE and on). */
function stranger(one: string): string {
  return /\d/.test(one) ? String.fromCodePoint(0x1d7ce + Number(one)) : one;
}
