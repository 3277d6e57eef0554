/** Checks of single values against the scalar keywords of a schema, compiled once. */
import type { Json } from './json.ts';
import { patternCost } from './pattern-cost.ts';
import { type JsonType, type Schema, typesOf } from './schema.ts';
import type { Work } from './work.ts';

/** Returns the keyword that a value breaks, or undefined where it fits. */
export type ScalarCheck = (value: Json) => string | undefined;

/**
 * Compiles the part of a schema that speaks of null, booleans, numbers and strings. `work` counts what its
 * pattern costs.
 */
export function compileScalar(schema: Schema, work?: Work): ScalarCheck {
  const types = new Set(typesOf(schema));
  const string = types.has('string') ? compileString(schema, work) : () => 'type';
  const number = compileNumber(schema, types);
  const listed = compileListed(schema);
  return (value) => {
    const broken =
      typeof value === 'string'
        ? string(value)
        : typeof value === 'number'
          ? number(value)
          : types.has(value === null ? 'null' : 'boolean')
            ? undefined
            : 'type';
    return broken ?? listed(value);
  };
}

function compileListed(schema: Schema): ScalarCheck {
  if (schema.enum === undefined) return () => undefined;
  const allowed = new Set<Json>(schema.enum);
  return (value) => (allowed.has(value) ? undefined : 'enum');
}

function compileString(schema: Schema, work?: Work): (value: string) => string | undefined {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
  const pattern = schema.pattern === undefined ? undefined : compilePattern(schema.pattern, work);
  const format = schema.format === undefined ? undefined : formats[schema.format];
  const isFile = schema.contentEncoding !== undefined;
  return (value) => {
    if (value.length < minLength) return 'minLength';
    // A code point is one or two units: only between these bounds must they be counted.
    if (value.length > maxLength || value.length < 2 * minLength) {
      const length = codePoints(value);
      if (length < minLength) return 'minLength';
      if (length > maxLength) return 'maxLength';
    }
    if (pattern !== undefined && !pattern(value)) return 'pattern';
    if (format !== undefined && !format(value)) return 'format';
    if (isFile && !isBase64(value)) return 'contentEncoding';
    return undefined;
  };
}

function compilePattern(pattern: string, work?: Work): (value: string) => boolean {
  const compiled = new RegExp(pattern, 'u');
  const cost = patternCost(pattern);
  return (value) => {
    work?.add(cost(value.length));
    return compiled.test(value);
  };
}

/** RFC 4648 §4 in the one spelling of its bytes; a file has some. */
function isBase64(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64').toString('base64') === text;
}

function compileNumber(
  schema: Schema,
  types: ReadonlySet<JsonType>,
): (value: number) => string | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const whole = !types.has('number');
  if (whole && !types.has('integer')) return () => 'type';
  return (value) => {
    if (whole && !Number.isInteger(value)) return 'type';
    if (minimum !== undefined && value < minimum) return 'minimum';
    if (maximum !== undefined && value > maximum) return 'maximum';
    if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return 'exclusiveMinimum';
    if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return 'exclusiveMaximum';
    if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) return 'multipleOf';
    return undefined;
  };
}

/** JSON Schema counts characters as code points. */
function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    if ((text.charCodeAt(at) & 0xfc00) !== 0xdc00) count += 1;
  }
  return count;
}

const hourMinute = '(?:[01][0-9]|2[0-3]):[0-5][0-9]';
const dateTime = new RegExp(
  `^([0-9-]{10})T${hourMinute}:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-]${hourMinute})$`,
);

/**
 * Formats that are enforced; any other is a fault of the policy, so that none is believed to be
 * checked.
 */
export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  date: isDate,
  'date-time': (text) => isDate(dateTime.exec(text)?.[1] ?? ''),
  email: (text) =>
    text.length <= 254 && /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-zA-Z0-9.-]+$/.test(text),
  uuid: (text) => /^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/.test(text),
};

function isDate(text: string): boolean {
  if (text.length !== 10 || text[4] !== '-' || text[7] !== '-') return false;
  const [year, month, day] = [digitsAt(text, 0, 4), digitsAt(text, 5, 7), digitsAt(text, 8, 10)];
  return year >= 0 && day >= 1 && day <= daysOf(year, month);
}

/** The number that digits stand for; negative where others stand there. */
function digitsAt(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = 10 * value + digit;
  }
  return value;
}

/** Of a month of the Gregorian calendar; 0 where there is none. */
function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  if (month === 4 || month === 6 || month === 9 || month === 11) return 30;
  return month >= 1 && month <= 12 ? 31 : 0;
}
