/**
 * What a mask does to a value. A transform that does not understand a value hides all of it:
 * nothing passes because it was of another type, too short or written in an odd way.
 */
import type { Json } from '../content/json.ts';
import type { FieldMask } from '../content/walk.ts';
import { limits } from '../limits.ts';
import { bareText, plainText } from './normalise.ts';

/** A mask as the policy writes it. */
export type Mask =
  | { readonly field: string; readonly transform: 'drop' | 'null' | 'fixed' | 'surname' | 'email' }
  | {
      readonly field: string;
      readonly transform: 'keep';
      readonly first: number;
      readonly last: number;
    };

/** True where the transform reads text: such a mask needs a field that can hold a string. */
export function readsText(mask: Mask): boolean {
  return mask.transform === 'keep' || mask.transform === 'surname' || mask.transform === 'email';
}

/** The mask as a pair of functions: what it returns, and how the far side recognises that. */
export function compileMask(mask: Mask): FieldMask {
  const id = `${mask.transform} ${mask.field}`;
  switch (mask.transform) {
    case 'drop':
      return { id, reads: false, drops: true, apply: () => undefined, verify: () => false };
    case 'null':
      return {
        id,
        reads: false,
        drops: false,
        apply: () => null,
        verify: (value) => value === null,
      };
    case 'fixed':
      return {
        id,
        reads: false,
        drops: false,
        apply: () => hidden,
        verify: (value) => value === hidden,
      };
    case 'keep':
      return textMask(
        id,
        (text) => keep(bareText(text), mask.first, mask.last),
        (text) => keep(text, mask.first, mask.last) === text,
      );
    case 'surname':
      return textMask(
        id,
        (text) => surname(plainText(text)),
        (text) => /^\p{Script=Han}{1,2}\*{1,4}$/u.test(text),
      );
    case 'email':
      return textMask(
        id,
        (text) => email(plainText(text)),
        (text) => maskedEmail.test(text),
      );
  }
}

/** What a value becomes that may not be seen at all; also hides how long it was. */
const hidden = '***';

function textMask(
  id: string,
  apply: (text: string) => string,
  verify: (text: string) => boolean,
): FieldMask {
  return {
    id,
    reads: true,
    drops: false,
    apply: (value: Json) => (typeof value === 'string' ? apply(value) : hidden),
    verify: (value) => value === hidden || (typeof value === 'string' && verify(value)),
  };
}

/** `first` and `last` characters stay, if at least half as many are hidden between them. */
function keep(text: string, first: number, last: number): string {
  const characters = [...text];
  const concealed = characters.length - first - last;
  if (concealed <= 0 || concealed * 2 < first + last) return hidden;
  const stars = '*'.repeat(Math.min(concealed, limits.keepHiddenMax));
  const head = characters.slice(0, first).join('');
  return head + stars + characters.slice(characters.length - last).join('');
}

const hanName = /^\p{Script=Han}{2,5}$/u;
const compoundSurnames = new Set(
  `欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台
  皇甫 宗政 濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘
  子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐
  段干 百里 呼延 东郭 南门 羊舌 微生 梁丘 左丘 东门 西门 第五`.split(/\s+/),
);

/** The family name of a name in Han characters stays: 张三 → 张*, 欧阳娜娜 → 欧阳**. */
function surname(text: string): string {
  if (!hanName.test(text)) return hidden;
  const characters = [...text];
  const compound = characters.length > 2 && compoundSurnames.has(characters.slice(0, 2).join(''));
  const kept = compound ? 2 : 1;
  return characters.slice(0, kept).join('') + '*'.repeat(characters.length - kept);
}

const plainEmail = /^([A-Za-z0-9][\w.+%-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63})$/;
const maskedEmail = /^[A-Za-z0-9]?\*\*\*@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}$/;

/** The first character and the domain stay: zhangsan@example.com → z***@example.com. */
function email(text: string): string {
  const [, local = '', domain = ''] = plainEmail.exec(text) ?? [];
  if (domain === '') return hidden;
  return `${local.length > 1 ? local.slice(0, 1) : ''}***@${domain}`;
}
