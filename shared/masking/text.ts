/** Masks of Chinese texts that have parts: plates and addresses. What has no such form is hidden. */
import type { AddressLevel } from './mask.ts';
import { bareText, plainText } from './normalise.ts';

/** What a value becomes that may not be seen at all; also hides how long it was. */
export const hidden = '***';

/** Characters that begin a plate of the mainland: one for each province, and the embassies. */
export const plateProvinces = '京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使';
const plateEnds = '警学挂港澳领使试超';
const plateForm = new RegExp(`^[${plateProvinces}][A-Z][A-Z0-9]{4,5}[A-Z0-9${plateEnds}]$`, 'u');
const maskedPlateForm = new RegExp(
  `^[${plateProvinces}][A-Z][A-Z0-9]\\*{3,4}[A-Z0-9${plateEnds}]$`,
  'u',
);

/** The first three characters and the last stay: 陕A12345D → 陕A1****D (GA 36 forms). */
export function plate(text: string): string {
  const bare = plateText(text);
  if (!plateForm.test(bare)) return hidden;
  return bare.slice(0, 3) + '*'.repeat(bare.length - 4) + bare.slice(-1);
}

/** A plate without the dot that stands between its parts, in capitals. */
export function plateText(text: string): string {
  return bareText(text)
    .replace(/[·•‧・.]/gu, '')
    .toUpperCase();
}

export const isMaskedPlate = (text: string): boolean => maskedPlateForm.test(text);

const han = '\\p{Script=Han}';
/** Not in the name of a city or district, but for its first character: 道里区, 路南区. */
const inName = `(?:(?![路街道巷弄号栋村镇乡])${han})`;
const province = `(?:(?:北京|天津|上海|重庆)市|${han}{2,8}?(?:省|自治区|特别行政区))`;
const city = `${han}${inName}{1,8}?(?:市|自治州|地区|盟)`;
const district = `${han}${inName}{0,7}?(?:区|县|旗|市)`;
const municipality = '(?:北京|天津|上海|重庆)市';
const upTo: Readonly<Record<AddressLevel, string>> = {
  province,
  city: `(?:(?:${municipality}){1,2}|(?:${province})?${city})`,
  district: `(?:(?:${municipality}){1,2}${district}|(?:${province})?${city}${district})`,
};

/** The parts down to a level stay: 浙江省杭州市西湖区文三路1号 → 浙江省杭州市西湖区***. */
export function addressMask(level: AddressLevel): {
  readonly apply: (text: string) => string;
  readonly verify: (text: string) => boolean;
} {
  const begins = new RegExp(`^${upTo[level]}`, 'u');
  const whole = new RegExp(`^${upTo[level]}\\*{3}$`, 'u');
  return {
    apply(text) {
      const kept = begins.exec(plainText(text).slice(0, addressCharactersMax))?.[0];
      return kept === undefined ? hidden : kept + hidden;
    },
    verify: (text) => whole.test(text),
  };
}

const addressCharactersMax = 256;
