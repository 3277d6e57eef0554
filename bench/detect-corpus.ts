/**
 * Values for the detectors: personal data that belongs to nobody, written in many ways, and look-alikes
 * that are none. Seeded: the same values on every machine. No look-alike is chosen by asking a detector.
 */

import { femaleGiven, maleGiven, surnames } from '@sallyport/examples/citizen-registry/names.ts';
import {
  luhnCheck,
  makeBankCard,
  makeLandline,
  makeMobile,
  makeResidentId,
} from '@sallyport/examples/citizen-registry/numbers.ts';
import { createRandom, type Random } from '@sallyport/examples/citizen-registry/random.ts';
import { regions, streets } from '@sallyport/examples/citizen-registry/regions.ts';
import { type Kind, kinds } from '@sallyport/shared/detect/kinds.ts';
import { type Form, forms, write } from './detect-forms.ts';

export interface Sample {
  /** What it is; undefined for a look-alike. */
  readonly kind: Kind | undefined;
  readonly form: Form | 'look-alike';
  /** Name of the field in which it stands. */
  readonly field: string;
  /** Fields beside it; absent: it stands alone. */
  readonly beside?: readonly string[] | undefined;
  readonly value: string;
}

/** `each` values of every kind, and as many look-alikes as values of all kinds. */
export function detectCorpus(seed: number, each: number): Sample[] {
  const random = createRandom(seed);
  const samples = kinds.flatMap((kind) =>
    Array.from({ length: each }, (_, index): Sample => {
      const form = forms[index % forms.length] ?? 'plain';
      const { field, beside, value } = makers[kind](random);
      const written = write(random, form, kind, value);
      // A field that says nothing of what it holds, unless the kind is only known by its field.
      const unnamed = random.pick(['remark', 'content', 'note', 'value', 'extra']);
      return { kind, form, field: field ?? unnamed, beside, value: written };
    }),
  );
  const others = Array.from({ length: samples.length }, (): Sample => {
    const [field, value, beside] = random.pick(lookAlikes)(random);
    return { kind: undefined, form: 'look-alike', field, beside, value };
  });
  return [...samples, ...others];
}

type Maker = (random: Random) => Pick<Sample, 'value' | 'beside'> & { readonly field?: string };

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ';
const text = (random: Random, count: number, from: string): string =>
  Array.from({ length: count }, () => from.charAt(random.int(0, from.length - 1))).join('');
const hex = (random: Random, count: number): string => text(random, count, '0123456789abcdef');
const word = (random: Random): string => text(random, random.int(3, 9), 'abcdefghijklmnoprstuvwy');
const two = (value: number): string => String(value).padStart(2, '0');
const day = (random: Random, from = 1940, to = 2020): string =>
  `${random.int(from, to)}-${two(random.int(1, 12))}-${two(random.int(1, 28))}`;
const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const makers: Readonly<Record<Kind, Maker>> = {
  'resident-id': (random) => ({
    value: makeResidentId(
      random,
      random.pick(regions).code,
      day(random),
      random.pick(['male', 'female']),
    ),
  }),
  mobile: (random) => ({ value: makeMobile(random) }),
  landline: (random) => ({ value: makeLandline(random, random.pick(regions).areaCode) }),
  'bank-card': (random) => ({ value: makeBankCard(random) }),
  'credit-code': (random) => ({ value: creditCode(random) }),
  plate: (random) => ({
    value:
      random.pick([...'京沪粤浙苏鲁川鄂']) +
      text(random, 1, 'ABCDEFGH') +
      (random.chance(0.2)
        ? `${random.pick(['D', 'F'])}${random.digits(5)}`
        : `${text(random, 1, letters)}${random.digits(4)}`),
  }),
  passport: (random) => ({
    value: random.chance(0.5)
      ? `E${random.digits(8)}`
      : `E${text(random, 1, 'ABCDEFGH')}${random.digits(7)}`,
    field: 'passportNo',
  }),
  permit: (random) => ({
    value: random.pick(['C', 'W', 'L', 'T', 'H', 'M']) + random.digits(8),
    field: 'travelPermit',
  }),
  email: (random) => ({
    value:
      [word(random), word(random)].join(random.pick(['', '.', '_'])) +
      `@${word(random)}.${random.pick(['com', 'gov.cn', 'example', 'org'])}`,
  }),
  ip: (random) => ({
    value: random.chance(0.8)
      ? `${random.int(1, 223)}.${random.int(0, 255)}.${random.int(0, 255)}.${random.int(1, 254)}`
      : `2001:db8:${hex(random, 4)}::${hex(random, 4)}:${hex(random, 4)}`,
  }),
  name: (random) => ({
    value: personName(random),
    field: random.pick(['name', 'name', 'realName', 'contactName', '姓名']),
    beside: random.pick(besidePersons),
  }),
  address: (random) => {
    const { province, city, district } = random.pick(regions);
    const house = `${random.int(1, 200)}号${random.int(1, 20)}栋${random.int(101, 2604)}室`;
    const street = random.pick(streets) + house;
    const head = random.pick([province + city + district, city + district, district, '']);
    return {
      value: head + street,
      field: random.pick(['address', 'homeAddress', 'street', '住址']),
    };
  },
  secret: (random) => ({
    value: random.pick([
      () => `sp_${hex(random, 12)}_${text(random, 43, base64)}`,
      () => `AKIA${text(random, 16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
      () =>
        `eyJ${text(random, 30, base64)}.eyJ${text(random, 60, base64)}.${text(random, 43, base64)}`,
      () => `ghp_${text(random, 36, base64.slice(0, 62))}`,
      () => `password=${text(random, 12, base64)}`,
      () => `-----BEGIN PRIVATE KEY-----${text(random, 60, base64)}`,
      () => `Bearer ${text(random, 40, base64)}`,
    ])(),
  }),
};

/** Half of a person's own; others of what people order, and nothing at all. */
const besidePersons = [
  ...Array.from({ length: 4 }, () => ['id', 'name', 'sex', 'birthDate', 'phone']),
  ...[['orderNo', 'price', 'quantity', 'phone'], ['sku', 'address', 'name'], [], []],
];

/** Mostly in Han characters; some in pinyin, some of other countries, known and less known ones. */
function personName(random: Random): string {
  const [surname, roman] = random.pick(surnames);
  const [given, romanGiven] = random.pick(random.chance(0.5) ? maleGiven : femaleGiven);
  const part = random.int(1, 20);
  if (part <= 16) return surname + given;
  if (part <= 18) return `${capital(romanGiven)} ${capital(roman)}`;
  return `${random.pick(givenElsewhere)} ${random.pick(surnamesElsewhere)}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const givenElsewhere = [
  ...['Aigerim', 'Amina', 'Anna', 'Björn', 'Carlos', 'Chloe', 'Daniel', 'Fatima', 'Hiroko', 'Ivan'],
  ...['James', 'John', 'Kwame', 'Laura', 'Maria', 'Minh', 'Priya', 'Robert', 'Sofia', 'Wanjiru'],
];
const surnamesElsewhere = [
  ...[
    'Brown',
    'Garcia',
    'Ivanova',
    'Johnson',
    'Kim',
    'Meyer',
    'Nguyen',
    'Okafor',
    'Rossi',
    'Silva',
  ],
  ...['Smith', 'Tanaka', 'Tremblay', 'Yilmaz'],
];

const codeAlphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY';

function creditCode(random: Random): string {
  const head = `9${random.pick(['1', '2', '3'])}${random.pick(regions).code}${text(random, 9, codeAlphabet)}`;
  const sum = [...head].reduce(
    (total, one, at) => total + codeAlphabet.indexOf(one) * (3 ** at % 31),
    0,
  );
  return head + codeAlphabet.charAt((31 - (sum % 31)) % 31);
}

type LookAlike = (
  random: Random,
) => [field: string, value: string, beside?: readonly string[] | undefined];

const note = (random: Random): string =>
  random.pick(['remark', 'content', 'orderNo', 'ref', 'code']);

const besideThings = [
  ...[[], ['sku', 'price', 'stock'], ['code', 'district', 'level'], ['brand', 'model', 'weight']],
  ...[['unit', 'quantity'], ['规格', '单价', 'name'], ['longitude', 'latitude'], ['category']],
];
const sorts = 'Blue,Small,Red,Fresh,Grand,Royal,Steel,Smart,Silver,Classic,Rose,Summer'.split(',');
const goods = 'Water Bottle,Lamp,Book,Hotel,Tea,Knife,Phone,Moon,Garden,Wine,Chair,Jordan'.split(
  ',',
);
const places = [...'黄白金高安路石马江温'].concat(
  '白马',
  '东方',
  '金水',
  '黄河',
  '高新',
  '安全',
  '万寿',
);
const ends = [...'桥帽灯路山河湖园区店'].concat(
  '大桥',
  '园区',
  '小学',
  '医院',
  '公司',
  '水库',
  '广场',
);

/** Things and places whose first character is a surname. */
const herbs =
  '黄芪 白术 金银花 马齿苋 党参 龙胆草 石斛 莫干黄芽 安息香 车前子 桂枝 高良姜 葛根 路路通'.split(
    ' ',
  );
const towns = '安庆 温州 江阴 石家庄 马鞍山 高邮 黄石 白银 金华 万州 常州 项城 聂荣 单县'.split(
  ' ',
);

function list(random: Random, count: number, one: () => string): string {
  return Array.from({ length: count }, one).join(random.pick([' ', '-', '/', '  ']));
}

/** Numbers and texts of everyday systems that resemble personal data. */
const lookAlikes: readonly LookAlike[] = [
  (random) => [note(random), random.digits(18)],
  (random) => [note(random), random.digits(16)],
  (random) => [note(random), random.digits(19)],
  (random) => [
    note(random),
    `${random.int(2015, 2026)}${two(random.int(1, 12))}${two(random.int(1, 28))}${random.digits(10)}`,
  ],
  (random) => [note(random), `20${random.digits(9)}`],
  (random) => ['createdAt', String(1_600_000_000_000 + random.int(0, 200_000_000) * 1000)],
  (random) => ['time', String(1_600_000_000 + random.int(0, 200_000_000))],
  (random) => [
    note(random),
    `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`,
  ],
  (random) => ['digest', hex(random, 64)],
  (random) => ['digest', hex(random, 32)],
  (random) => ['version', `v${random.int(1, 20)}.${random.int(0, 30)}.${random.int(0, 99)}`],
  (random) => [
    'remark',
    `version ${random.int(1, 9)}.${random.int(0, 9)}.${random.int(0, 9)}.${random.int(0, 9)}`,
  ],
  (random) => ['amount', `${random.int(1, 999_999)}.${random.digits(2)}`],
  (random) => ['amount', `${random.int(1, 999)},${random.digits(3)},${random.digits(3)}.00`],
  (random) => [
    'date',
    `${day(random, 1990, 2026)} ${[23, 59, 59].map((most) => two(random.int(0, most))).join(':')}`,
  ],
  (random) => [
    'remark',
    `会议定于${day(random, 2020, 2026)}在${random.int(1, 9)}号楼${random.int(101, 909)}室举行`,
  ],
  (random) => [
    'remark',
    `共${random.int(1, 99)}件，合计${random.int(100, 9999)}元，编号${random.digits(8)}`,
  ],
  (random) => ['mac', Array.from({ length: 6 }, () => hex(random, 2)).join(':')],
  (random) => [
    'location',
    `${random.int(20, 45)}.${random.digits(6)}, ${random.int(100, 125)}.${random.digits(6)}`,
  ],
  (random) => [
    'sku',
    `${text(random, 2, letters)}-${random.digits(5)}-${text(random, 1, letters)}`,
  ],
  (random) => ['remark', `@${word(random)} 请处理工单 #${random.digits(6)}`],
  (random) => ['path', `/data/${word(random)}/${random.digits(8)}.${word(random)}`],
  (random) => [
    'productName',
    `${random.pick(['朝阳', '海淀', '春风', '东方', '红星'])}牌${random.pick(['水杯', '台灯', '书包'])}`,
  ],
  (random) => ['district', random.pick(regions).district],
  (random) => ['remark', `京${random.pick(['津冀', '沪高铁', '剧'])}${random.int(1, 9999)}`],
  (random) => ['isbn', `978-7-${random.digits(4)}-${random.digits(4)}-${random.digits(1)}`],
  // Lists of small numbers, with a space, a dash or a slash between.
  (random) => ['remark', list(random, 6, () => two(random.int(1, 33)))],
  (random) => ['content', list(random, 15, () => String(random.int(1, 5)))],
  (random) => ['note', list(random, 12, () => String(random.int(0, 300)))],
  (random) => [
    'remark',
    `${[1, 2, 3, 4].map(() => `${two(random.int(0, 23))}-${two(random.int(0, 59))}`).join(' ')}`,
  ],
  // Thousands parted by spaces, as ISO 80000-1 has them.
  (random) => [
    'amount',
    `${random.int(1, 99)} ${random.digits(3)} ${random.digits(3)} ${random.digits(3)}`,
  ],
  (random) => ['remark', `400-${random.digits(3)}-${random.digits(4)}`],
  (random) => [note(random), `${random.pick(['1440', '1441', '1480', '1460'])}${random.digits(9)}`],
  (random) => [note(random), `69${random.digits(11)}`],
  (random) => [
    'remark',
    random.int(2015, 2026) + [12, 28, 23, 59, 59].map((most) => two(random.int(1, most))).join(''),
  ],
  // Nothing but its field tells these from mobile numbers and cards, and the last two fields do not.
  (random) => [
    random.pick(['orderNo', 'serialNumber', 'tracking_id', 'ref', 'code']),
    `1${random.digits(10)}`,
  ],
  (random) => ['orderNo', `62${random.digits(14)}`],
  // Nothing but what they mean tells some of these from people.
  (random) => ['name', `${random.pick(sorts)} ${random.pick(goods)}`, random.pick(besideThings)],
  (random) => ['name', random.pick(places) + random.pick(ends), random.pick(besideThings)],
  (random) => ['name', random.pick(herbs), random.pick(besideThings)],
  (random) => ['name', random.pick(towns), random.pick(besideThings)],
  (random) => ['remark', Array.from({ length: 8 }, () => random.int(1, 99)).join(' ')],
  // A valid check digit alone makes no card and no identity.
  (random) => {
    const payload = `1${random.digits(14)}`;
    return [note(random), payload + luhnCheck(payload)];
  },
];
