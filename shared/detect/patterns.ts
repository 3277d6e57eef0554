/** Detectors that look for a form rather than for a checked number. */
import { plateProvinces } from '../masking/text.ts';
import { isIpv4, isIpv6 } from './checks.ts';

const secret = new RegExp(
  [
    '-----BEGIN [A-Z ]{0,30}PRIVATE KEY',
    // From the dot: a text of many beginnings and no dot would be gone through from each of them.
    String.raw`\.(?<=\beyJ[\w-]{8,}\.)eyJ[\w-]{8,}\.[\w-]{8,}`,
    String.raw`\b(?:AKIA|ASIA|LTAI|AKID)[0-9A-Za-z]{12,}`,
    String.raw`\b(?:gh[pousr]_[0-9A-Za-z]{30,}|github_pat_\w{30,}|glpat-[\w-]{18,})`,
    String.raw`\b(?:xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|AIza[\w-]{35})`,
    String.raw`\bsp_[0-9a-f]{12}_[\w-]{20,}`,
    String.raw`\bbearer [\w.~+/-]{16,}`,
    String.raw`:\/\/[^\s:/@]{1,64}:[^\s:/@]{3,64}@`,
    '(?:passw(?:or)?d|passwd|pwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token' +
      String.raw`|密码|口令|密钥)["' ]{0,2}(?:[:=]|是|为)["' ]{0,2}[^\s"',;。，；]{6,}`,
  ].join('|'),
  'i',
);

/** Keys, tokens and passwords, by their forms or by the word before them. */
export const hasSecret = (text: string): boolean => secret.test(text);

const localEnd = /[A-Za-z0-9._%+-]/;
const domain = /(?:[A-Za-z0-9-]{1,63} ?\. ?){1,8}[A-Za-z]{2,24}/y;

/** An e-mail address, also with spaces around its signs, or with (at) and [dot]. */
export function hasEmail(text: string): boolean {
  const plain = text
    .replace(/ ?[[({<] ?(?:at|@) ?[\])}>] ?/gi, '@')
    .replace(/ ?[[({<] ?(?:dot|\.) ?[\])}>] ?/gi, '.')
    .replace(/ {0,2}@ {0,2}/g, '@');
  for (let at = plain.indexOf('@'); at !== -1; at = plain.indexOf('@', at + 1)) {
    if (at === 0 || !localEnd.test(plain.charAt(at - 1))) continue;
    // It ends at the next @, so a text full of them is gone through once.
    domain.lastIndex = at + 1;
    if (domain.test(plain)) return true;
  }
  return false;
}

const plateSign = '[ .-]{0,3}[A-HJ-NP-Z0-9';
const plate = new RegExp(
  `[${plateProvinces}][ -]{0,3}[A-HJ-Z](?:${plateSign}]){4,5}${plateSign}警学挂港澳领](?![A-Z0-9])`,
  'giu',
);

/** A plate of the mainland: province, office, five or six characters with two digits among them. */
export function hasPlate(text: string): boolean {
  return (text.match(plate) ?? []).some((one) => (one.match(/[0-9]/g)?.length ?? 0) >= 2);
}

const ipv4 = /(?<![\w.])\d{1,3}(?: ?\. ?\d{1,3}){3}(?![\w.]*\w)/g;
const ipv6 = /(?<!\w)[0-9A-Fa-f:]{6,40}(?!\w)/g;
/** Eight groups, or fewer with a gap. */
const likeIpv6 = /::|:(?:[^:]+:){6}/;
const isVersion = /(?:version|ver|release|build|firmware|版本|固件|\bv)[ :=]{0,3}$/i;

export function hasIp(text: string): boolean {
  for (const match of text.matchAll(ipv4)) {
    const before = text.slice(Math.max(0, match.index - 12), match.index);
    if (isIpv4(match[0].replaceAll(' ', '')) && !isVersion.test(before)) return true;
  }
  return (text.match(ipv6) ?? []).some((one) => {
    if (!likeIpv6.test(one)) return false;
    const bare = one.replace(/^:(?!:)|(?<!:):$/g, '');
    return bare.split(':').length > 3 && isIpv6(bare);
  });
}

const passport = new RegExp(
  `(?<![0-9A-Z])(?:[EGDSPK][ -]?\\d{8}|E[A-HJ-NP-Z][ -]?\\d{7}|[DSPK][ED]?\\d{7}|1[45]\\d{7})` +
    '(?![0-9A-Z])',
  'i',
);
const foreignPassport = /^[A-Z]{0,2}\d{6,9}$/i;

/** A passport number: where the field or a word before it says so. */
export function hasPassport(text: string, isNamedField: boolean): boolean {
  if (isNamedField && foreignPassport.test(text.replace(/[ -]/g, ''))) return true;
  return (isNamedField || /护照|passport/i.test(text)) && passport.test(text);
}

const permit = new RegExp(
  '(?<![0-9A-Z])(?:[CWLT][A-Z]?[ -]?\\d{7,8}|[HM][ -]?\\d{8}(?:\\d{2})?' +
    '|\\d{8}(?:\\d{2})?(?:\\([A-Z]\\))?|[A-Z]{3}\\d{12})(?![0-9A-Z])',
  'i',
);

/** Travel permits of Hong Kong, Macao and Taiwan, residence of foreigners: where a word says so. */
export function hasPermit(text: string, isNamedField: boolean): boolean {
  return (isNamedField || /通行证|回乡证|台胞证|居留|permit/i.test(text)) && permit.test(text);
}

const addressPart =
  /(?:路|街|巷|弄|道|胡同|村|里|园|苑|小区|大厦|广场).{0,16}\d|\d+ ?(?:号|弄|室|栋|幢|单元|组|楼)|[号室栋幢][ -]?\d/u;
const westernAddress =
  /\b\d{1,5} [A-Z][a-z]+ (?:[A-Z][a-z]+ )?(?:St|Street|Rd|Road|Ave|Avenue|Lane|Ln|Blvd)\b/;

/** A place where somebody lives, below the district; only asked of fields that are named so. */
export const isAddress = (text: string): boolean =>
  (/\p{Script=Han}/u.test(text) && addressPart.test(text)) || westernAddress.test(text);
