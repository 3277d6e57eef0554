/**
 * Strict JSON (RFC 8259, I-JSON RFC 7493): one text has one meaning, or it is refused by a named
 * rule. Recursion is bounded by `jsonDepthMax`. Names such as `__proto__` become plain own
 * properties.
 */
import { isUtf8 } from 'node:buffer';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { exactNumber, numberTokenAt } from './number.ts';
import { createReader, type Read, type Reader } from './straight/read.ts';

export type Json = null | boolean | number | string | JsonArray | JsonObject;
export type JsonArray = readonly Json[];
export interface JsonObject {
  readonly [name: string]: Json;
}

/** Why a text is refused; in the message of the error, never with a piece of the text. */
export type JsonRule =
  | 'size'
  | 'byte-order-mark'
  | 'utf-8'
  | 'syntax'
  | 'depth'
  | 'members'
  | 'string-length'
  | 'surrogate'
  | 'duplicate-name'
  | 'number-length'
  | 'number-precision';

/**
 * Parses untrusted bytes. Errors: JSON_REFUSED with the rule and the offset (UTF-16 units) where it
 * failed. A number is accepted only where a double holds exactly its decimal value and integers are
 * within ±(2^53 - 1).
 */
export function parseJson(
  bytes: Uint8Array,
  bytesMax: number = limits.edgeBodyBytesMax,
  stringMax: number = stringBytesMax,
): Json {
  return readDocument(readAll, bytes, bytesMax, stringMax).value;
}

/** The same, where what a reader of bytes leaves out does not matter. */
export function readDocument(
  reader: Reader,
  bytes: Uint8Array,
  bytesMax: number,
  stringMax: number,
): Read {
  if (bytes.length > bytesMax) throw refused('size', bytesMax);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    throw refused('byte-order-mark', 0);
  if (!isUtf8(bytes)) throw refused('utf-8', 0);
  const sure = reader(bytes);
  if (sure !== undefined) return sure;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return { value: readJson(text, stringMax), isWritten: false };
}

/** The same for well-formed text within the size: the norm for all that parseJson gives. */
export function readJson(text: string, stringMax: number = stringBytesMax): Json {
  const source: Source = { text, at: 0, members: 0, stringMax };
  const value = parseValue(source, 0);
  if (skipSpace(source) !== endOfText) throw refused('syntax', source.at);
  return value;
}

const readAll = createReader();

// Read once: an object as large as `limits` is a hash table to the runtime.
const depthMax = limits.jsonDepthMax;
const stringBytesMax = limits.jsonStringBytesMax;
const digitsMax = limits.jsonNumberDigitsMax;
const membersMax = limits.jsonMembersMax;

interface Source {
  readonly text: string;
  at: number;
  members: number;
  readonly stringMax: number;
}

const endOfText = -1;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

function parseValue(source: Source, depth: number): Json {
  switch (skipSpace(source)) {
    case openObject:
      return parseObject(source, depth + 1);
    case openArray:
      return parseArray(source, depth + 1);
    case quote:
      return parseString(source);
    case 0x74:
      return parseWord(source, 'true', true);
    case 0x66:
      return parseWord(source, 'false', false);
    case 0x6e:
      return parseWord(source, 'null', null);
    default:
      return parseNumber(source);
  }
}

function parseObject(source: Source, depth: number): Json {
  if (depth > depthMax) throw refused('depth', source.at);
  const object: Record<string, Json> = {};
  source.at += 1;
  if (skipSpace(source) === closeObject) {
    source.at += 1;
    return object;
  }
  for (;;) {
    if (skipSpace(source) !== quote) throw refused('syntax', source.at);
    const nameAt = source.at;
    const name = parseString(source);
    if (Object.hasOwn(object, name)) throw refused('duplicate-name', nameAt);
    if (skipSpace(source) !== colon) throw refused('syntax', source.at);
    source.at += 1;
    countMember(source);
    const value = parseValue(source, depth);
    if (name === '__proto__') define(object, name, value);
    else object[name] = value;
    const next = skipSpace(source);
    source.at += 1;
    if (next === closeObject) return object;
    if (next !== comma) throw refused('syntax', source.at - 1);
  }
}

function parseArray(source: Source, depth: number): Json {
  if (depth > depthMax) throw refused('depth', source.at);
  const array: Json[] = [];
  source.at += 1;
  if (skipSpace(source) === closeArray) {
    source.at += 1;
    return array;
  }
  for (;;) {
    countMember(source);
    array.push(parseValue(source, depth));
    const next = skipSpace(source);
    source.at += 1;
    if (next === closeArray) return array;
    if (next !== comma) throw refused('syntax', source.at - 1);
  }
}

function parseString(source: Source): string {
  const { text } = source;
  const start = source.at + 1;
  let at = start;
  let escaped = false;
  for (;;) {
    const unit = text.charCodeAt(at);
    if (unit === quote) break;
    // NaN at the end of the text fails this comparison too.
    if (!(unit >= 0x20)) throw refused('syntax', at);
    if (unit === backslash) {
      escaped = true;
      at += 1;
    }
    at += 1;
  }
  source.at = at + 1;
  if (at - start > source.stringMax) throw refused('string-length', start);
  return escaped ? readEscaped(text.slice(start - 1, at + 1), start) : text.slice(start, at);
}

function readEscaped(literal: string, at: number): string {
  let value: string;
  try {
    value = JSON.parse(literal);
  } catch {
    throw refused('syntax', at);
  }
  if (!value.isWellFormed()) throw refused('surrogate', at);
  return value;
}

function parseNumber(source: Source): number {
  const start = source.at;
  const token = numberTokenAt(source.text, start);
  if (token === undefined) throw refused('syntax', start);
  source.at += token.length;
  if (token.length > digitsMax) throw refused('number-length', start);
  const value = exactNumber(token);
  if (value === undefined) throw refused('number-precision', start);
  return value;
}

function parseWord<T extends Json>(source: Source, word: string, value: T): T {
  if (!source.text.startsWith(word, source.at)) throw refused('syntax', source.at);
  source.at += word.length;
  return value;
}

/** Moves to the next character that is not space and returns its code, or `endOfText`. */
function skipSpace(source: Source): number {
  for (;;) {
    const unit = source.text.charCodeAt(source.at);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) {
      return Number.isNaN(unit) ? endOfText : unit;
    }
    source.at += 1;
  }
}

function countMember(source: Source): void {
  source.members += 1;
  if (source.members > membersMax) throw refused('members', source.at);
}

function define(object: Record<string, Json>, name: string, value: Json): void {
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

function refused(rule: JsonRule, at: number): SallyportError {
  return new SallyportError(
    'JSON_REFUSED',
    `expected strict JSON, got a break of ${rule} at ${at}`,
    {
      hint: 'send UTF-8 JSON with unique names, exact numbers and sizes within the limits',
    },
  );
}
