/** What the detectors know, in the order in which they are asked: the surest first. */
export const kinds = [
  'secret',
  'resident-id',
  'credit-code',
  'bank-card',
  'email',
  'mobile',
  'landline',
  'plate',
  'passport',
  'permit',
  'ip',
  'address',
  'name',
] as const;
export type Kind = (typeof kinds)[number];

/** Whose name a field may hold. */
const roles = [
  'real|full|user|person|citizen|owner|contact|applicant|spouse|father|mother|parent|guardian',
  'given|family|patient|student|customer|client|holder|employee|staff',
].join('|');

const anyOf = (...parts: string[]): RegExp => new RegExp(parts.join('|'), 'i');

/** Names of fields that say what they hold; some kinds are only known by them. */
const fieldNames: Readonly<Partial<Record<Kind, RegExp>>> = {
  secret: anyOf(
    'passw(?:or)?d|passphrase|secret|(?:^|[_-])pwd$|api[_-]?key|private[_-]?key',
    '(?:access|auth|session|refresh)?[_-]?token$|密码|口令|密钥',
  ),
  'resident-id': /id[_-]?(?:no|num|number|card)|identity|resident[_-]?id|sfzh?|身份证|证件号/i,
  'credit-code': /credit[_-]?code|uscc|统一社会信用|信用代码/i,
  'bank-card': /bank|card[_-]?(?:no|num)|account[_-]?(?:no|num)|pan$|银行卡|卡号/i,
  email: /e?mail|邮箱|邮件/i,
  mobile: /mobile|phone|cell|手机|联系方式|联系电话/i,
  landline: /landline|tele?(?:phone)?$|fax|座机|固定电话|电话|传真/i,
  plate: /plate|license[_-]?(?:no|num)|车牌/i,
  passport: /passport|护照/i,
  permit: /permit|通行证|回乡证|台胞证|居留/i,
  ip: /(?:^|[_-])ip(?:$|[_-]|v[46]|addr)|ip[_-]?address|(?<![a-z])Ip$|[a-z]Ip$/i,
  address: /addr(?:ess)?(?:line)?\d?$|street|residence|domicile|住址|地址|住所/i,
  name: anyOf(`^(?:(?:${roles})[_-]?)?name$`, '^(?:xm|xingming)$|姓名|联系人'),
};

/** True where the name of a field says that it holds this kind. */
export function isNamed(kind: Kind, fieldName: string): boolean {
  return fieldNames[kind]?.test(fieldName) ?? false;
}
