/** Schemas, masks over them, and documents for them in many spellings: most fit, some nearly. */
import { parseField } from '@sallyport/shared/content/fields.ts';
import type { Json } from '@sallyport/shared/content/json.ts';
import type { FieldMask, MaskTree } from '@sallyport/shared/content/place.ts';
import { type Schema, typesOf } from '@sallyport/shared/content/schema.ts';
import { compileMask } from '@sallyport/shared/masking/transforms.ts';
import type { Random } from './mutate.ts';

const names = ['a', 'b', 'name', 'names', '名字', 'x y', '1', '10', 'toString', 'ü'.repeat(9)];
const surplus = ['c', 'nam', 'namer', '名', '2', '__proto__', 'a\\u0062', ...names];

const one = (random: Random, most: number): boolean => random.below(most) === 0;

/** A document of the schema profile. */
export function schemaOf(random: Random, depth = 0): Record<string, unknown> {
  const kind = depth > 3 ? 2 + random.below(8) : random.below(depth === 0 ? 3 : 10);
  if (kind === 0 || (depth === 0 && kind === 2)) return objectSchema(random, depth);
  if (kind === 1) {
    const bounds = one(random, 3)
      ? { minItems: random.below(2), maxItems: 1 + random.below(4) }
      : {};
    return { type: 'array', items: schemaOf(random, depth + 1), ...bounds };
  }
  return random.pick(plainSchemas);
}

function objectSchema(random: Random, depth: number): Record<string, unknown> {
  const chosen = [
    ...new Set(Array.from({ length: 1 + random.below(6) }, () => random.pick(names))),
  ];
  const properties = Object.fromEntries(chosen.map((name) => [name, schemaOf(random, depth + 1)]));
  const required = chosen.filter(() => one(random, 4));
  return { type: one(random, 4) ? ['object', 'string', 'null'] : 'object', properties, required };
}

const plainSchemas: readonly Record<string, unknown>[] = [
  { type: 'string' },
  { type: 'string' },
  { type: 'string', minLength: 1, maxLength: 5 },
  { type: 'string', pattern: '^[a-c]*$', maxLength: 9 },
  { type: 'string', pattern: '^c-[0-9]{2}$' },
  { type: 'string', pattern: '^\\p{L}{1,3}$' },
  { type: ['string', 'null'], enum: ['a', '名', null, 'q"\n'] },
  { type: 'string', format: 'date' },
  { type: 'integer' },
  { type: 'integer', minimum: -2, maximum: 100 },
  { type: 'number' },
  { type: ['number', 'string'], multipleOf: 0.5 },
  { type: ['boolean', 'null', 'integer'] },
];

/** All paths of a schema, the root among them. */
export function pathsOf(schema: Schema, at = '$'): string[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, node]) =>
    pathsOf(node, `${at}['${name}']`),
  );
  return [at, ...below, ...(schema.items ? pathsOf(schema.items, `${at}[*]`) : [])];
}

/** Masks of every sort at the paths. */
export function maskTreeOf(random: Random, paths: ReadonlySet<string>): MaskTree | undefined {
  const placed = [...paths].map((path) => ({
    path: parseField(path) ?? [],
    mask: { ...random.pick(sorts), id: path },
  }));
  return treeOf(placed);
}

type Placed = readonly { readonly path: readonly (string | null)[]; readonly mask: FieldMask }[];

function treeOf(placed: Placed): MaskTree | undefined {
  if (placed.length === 0) return undefined;
  const under = (step: string | null) =>
    treeOf(
      placed
        .filter(({ path }) => path.length > 0 && path[0] === step)
        .map(({ path, mask }) => ({ path: path.slice(1), mask })),
    );
  const steps = new Set(placed.map(({ path }) => path[0]));
  const names = new Map<string, MaskTree>();
  for (const step of steps) {
    const below = typeof step === 'string' ? under(step) : undefined;
    if (typeof step === 'string' && below !== undefined) names.set(step, below);
  }
  const mask = placed.find(({ path }) => path.length === 0)?.mask;
  return { mask, names, items: under(null) };
}

const fixed = (value: Json | undefined): Omit<FieldMask, 'id'> => ({
  reads: false,
  drops: value === undefined,
  apply: () => value,
  verify: (found) => value !== undefined && found === value,
});
const reading = (apply: (text: string) => Json | undefined): Omit<FieldMask, 'id'> => ({
  reads: true,
  drops: false,
  apply: (value) => (typeof value === 'string' ? apply(value) : '*'),
  verify: (value) => value === null || typeof value === 'string',
});
const sorts: readonly Omit<FieldMask, 'id'>[] = [
  compileMask({ field: '$', transform: 'surname' }),
  compileMask({ field: '$', transform: 'email' }),
  compileMask({ field: '$', transform: 'keep', first: 1, last: 1 }),
  fixed(undefined),
  fixed(null),
  fixed('***'),
  reading((text) => `${text.slice(0, 1).toWellFormed()}*`),
  reading((text) => (text.length > 2 ? undefined : `"${text}\u2028\n${'长'.repeat(70)}`)),
];

/** A text of JSON for the schema, seldom canonical and now and then wrong. */
export function writtenOf(random: Random, schema: Schema): string {
  return space(random) + valueText(random, schema, 0) + space(random);
}

function valueText(random: Random, schema: Schema, depth: number): string {
  if (one(random, 150)) return random.pick(oddTexts);
  const type = random.pick(typesOf(schema));
  if (type === 'object') return objectText(random, schema, depth);
  if (type === 'array' && schema.items !== undefined) {
    const { items, minItems = 0, maxItems = 4 } = schema;
    const length = minItems + random.below(maxItems - minItems + 1);
    const texts = Array.from({ length }, () => valueText(random, items, depth + 1));
    return `[${space(random)}${texts.join(`${space(random)},${space(random)}`)}]`;
  }
  if (type === 'string') return stringText(random, textFor(random, schema));
  if (type === 'boolean') return random.pick(['true', 'false']);
  if (type === 'null') return 'null';
  const halves = schema.multipleOf === undefined ? numberTexts : ['0.5', '1', '-7.50'];
  return random.pick(type === 'integer' ? integerTexts : halves);
}

function objectText(random: Random, schema: Schema, depth: number): string {
  const known = Object.entries(schema.properties ?? {});
  const shuffled = one(random, 2) ? known : known.toSorted(() => random.below(3) - 1);
  const isThere = (name: string): boolean =>
    schema.required?.includes(name) === true || !one(random, 4);
  const members = shuffled
    .filter(([name]) => isThere(name))
    .map(([name, node]) => memberText(random, name, valueText(random, node, depth + 1)));
  for (let more = one(random, 3) ? random.below(4) : 0; more > 0; more -= 1) {
    const member = memberText(random, random.pick(surplus), random.pick(surplusTexts));
    members.splice(random.below(members.length + 1), 0, member);
  }
  return `{${members.join(',')}${space(random)}}`;
}

function memberText(random: Random, name: string, value: string): string {
  const spelt = one(random, 60) ? stringText(random, name) : `"${name}"`;
  return `${spelt}${space(random)}:${space(random)}${value}`;
}

function textFor(random: Random, { pattern, format, enum: listed }: Schema): string {
  if (listed !== undefined) return String(random.pick(listed));
  if (format !== undefined) return random.pick(['2024-02-29', '2023-12-31']);
  if (pattern?.startsWith('^c')) return random.pick(['c-12', 'c-99', 'c-00', 'c-0']);
  if (pattern?.startsWith('^[')) return random.pick(['', 'a', 'abcabc']);
  return random.pick(pattern === undefined ? texts : ['a', '名', 'xyz', 'é']);
}

const texts = [
  ...['a', 'abc', '', '名字', 'ü1', '\u{1f512}', '\u2028', '\u007f', '张三*', 'x'.repeat(130)],
  ...['a"b', 'tab\t', '\\', 'nul\0', '名'.repeat(40), '/a//b', 'x\u{1f600}é/', '\\u00e9\\/'],
  ...[
    '张三',
    '欧阳娜娜',
    '张*',
    '***',
    '13800138000',
    '1********0',
    'li@mail.example',
    'l***@mail.example',
  ],
];

/** Quoted as JSON.stringify does, or with escapes where none is needed. */
function stringText(random: Random, text: string): string {
  const quoted = JSON.stringify(text);
  if (!one(random, 12)) return quoted;
  return quoted.replace(/[a-z\u{80}-\u{ffff}](?![^\\]*\\)/gu, (character) =>
    one(random, 2) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const integerTexts = [
  '0',
  '1',
  '7',
  '42',
  '100',
  '-1',
  '-2',
  '1.0',
  '-0',
  '1e1',
  '0.5',
  '900719925474099',
];
const numberTexts = [
  ...['0', '1', '1.5', '-1.25', '0.10', '1e3', '1E-2', '0.0000001', '0.000001', '123456789.12345'],
  ...['-0.0', '1.50', '9007199254740991', '0.30000000000000004', '1e21', '100000000000000000000'],
];
const surplusTexts = [
  ...[
    '1',
    '"s"',
    '"\\u00e9\\n"',
    '"\\ud83d\\ude00"',
    'null',
    'true',
    '[]',
    '{}',
    '[1,[2,{"a":1}]]',
  ],
  ...['{"p":1,"q":{"p":2}}', '{"p":1,"p":2}', '{"\\u0070":1,"q":1}', '[1.5e3,-0]', '[ "x" , 2 ]'],
  ...['"\\ud800"', '12345678901234567890', `${'['.repeat(62)}${']'.repeat(62)}`, '01', '"\\x"'],
];
const oddTexts = [
  ...['{', '[1,]', '{"a":}', 'nul', 'truee', '-', '1.', '1e', '"', '"\n"', '"\\u12"', '', '+1'],
  ...['"\\ud83d"', '[]', '{}', '"s"', '5', 'null', '{"a":1,"a":2}', '99999999999999999999'],
];

/** The text with other plain values in some places: built alike, most of it. */
export function revalued(random: Random, text: string): string {
  return text.replace(plainValue, (all, before: string) =>
    one(random, 3) ? before + random.pick(plainTexts) : all,
  );
}

const plainValue = /([:,[]\s*)(?:"(?:[^"\\]|\\.)*"(?!\s*:)|-?[0-9][0-9.eE+-]*|true|false|null)/g;
const plainTexts = [
  ...[
    '"张三"',
    '"a"',
    '"c-12"',
    '"*"',
    '"2024-02-29"',
    '"名\\n"',
    '"\\ud800"',
    '1',
    '100',
    '-0',
    '0.50',
  ],
  ...['9007199254740993', 'true', 'null', '[]', '{}', '{"a":1}', '[1,2]', 'nul', '"', '""'],
];

/** The text with escapes where none is needed, all of them or some; now and then one where none may be. */
export function escaped(random: Random, text: string): string {
  const all = one(random, 2);
  const spelt = text.replace(/[\u0080-\uffff/]/g, (unit) =>
    all || one(random, 2) ? escapeOf(random, unit) : unit,
  );
  const at = random.below(spelt.length + 1);
  const unit = spelt.charAt(at);
  if (unit < '\u0080' && one(random, 3)) {
    return spelt.slice(0, at) + escapeOf(random, unit) + spelt.slice(at + 1);
  }
  if (!one(random, 3)) return spelt;
  return spelt.slice(0, at) + random.pick(oddEscapes) + spelt.slice(at);
}

function escapeOf(random: Random, unit: string): string {
  if (unit === '/') return '\\/';
  const digits = unit.charCodeAt(0).toString(16).padStart(4, '0');
  return `\\u${one(random, 2) ? digits.toUpperCase() : digits}`;
}

const oddEscapes = [
  ...['\\/', '\\u00e9', '\\ud83d\\ude00', '\\ud83d', '\\ude00', '\\ude00\\ud83d', '\\ud83d\\u0061'],
  ...[
    '\\u0022',
    '\\u005c',
    '\\u002f',
    '\\u0031',
    '\\u00g9',
    '\\u00',
    '\\u',
    '\\U00e9',
    '\\',
    '\\\\',
  ],
  ...[
    '\\ud83d\\ude0',
    '\\ud83d\\\\ude00',
    '\\u0080',
    '\\u007f',
    '\\ufeff',
    '\\uffff',
    '\\u07ff',
    '\\u0800',
  ],
];

function space(random: Random): string {
  return one(random, 8) ? random.pick([' ', '\n', '\t', '\r\n  ']) : '';
}
