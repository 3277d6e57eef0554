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

/** Numbers of orders, parcels, files and the like; of those one is eleven digits now and then. */
const otherNumber = new RegExp(
  '(?:order|serial|invoice|waybill|tracking|shipment|parcel|batch|transaction|trade|payment' +
    '|receipt|ticket|voucher|contract|barcode|sku|isbn' +
    '|asset|device|trace|request|task|job|log|version|sequence|seq)' +
    '[_-]?(?:no|nos|nr|num|number|id|code|sn)$|^(?:sku|isbn|barcode|imei|iccid)$' +
    '|(?:订单|运单|流水|序列|批次|合同|发票|票据|快递|交易|设备|资产)(?:编?号|号码)$',
  'i',
);

/** True where a field numbers things by its name: a number alone there is no telephone. */
export const isOtherNumber = (fieldName: string): boolean => otherNumber.test(fieldName);

/** Fields that only persons have. */
const personal =
  /^(?:sex|gender|age|dob|ethnic(?:ity)?|nationality)$|birth|marital|性别|出生|年龄|民族|婚姻/i;
const person = new RegExp(
  `^(?:${roles}|resident|member|tenant|child|people)(?:s|ren|_?info)?$`,
  'i',
);

/** Names of the members beside a field, and of those that it lies in. */
export interface Around {
  readonly beside: readonly string[];
  readonly above: readonly string[];
}

/** True where these are a person's. */
export function isAroundPerson(around: Around): boolean {
  const is = (name: string): boolean =>
    personal.test(name) || isNamed('resident-id', name) || isNamed('passport', name);
  return around.beside.some(is) || around.above.some((name) => person.test(name));
}

/** Fields that only goods have, those of which two say so, and those by which somebody can be reached. */
const likeGoods =
  /^(?:price|quantity|qty|unit|weight|size|colou?r|category)$|单价|价格|数量|单位|重量|类别/i;
const ofGoods = new RegExp(
  '^(?:sku|barcode|brand|model|stock|inventory|specification|manufacturer|material)$' +
    '|规格|型号|品牌|库存|产地|生产厂家',
  'i',
);
const contacts = ['mobile', 'landline', 'email', 'address'] as const;

/** True where what is beside a field is that of goods, and nobody is told to whom they belong. */
export const isAroundGoods = ({ beside }: Around): boolean =>
  (beside.some((name) => ofGoods.test(name)) ||
    beside.filter((name) => likeGoods.test(name)).length > 1) &&
  !beside.some((name) => contacts.some((kind) => isNamed(kind, name)));

/** True where the field can only be called so for a person. */
export const isPersonField = (fieldName: string): boolean =>
  isNamed('name', fieldName) && !/^name$/i.test(fieldName);
