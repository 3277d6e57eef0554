/**
 * Deterministic CBOR (RFC 8949 §4.2.1), the few types that message headers need: unsigned integers,
 * byte and text strings, definite arrays and maps. There is no generic decoder: the schema asks for
 * the item that must come next, and anything else, or the same in a longer form, is refused with
 * PACKAGE_MESSAGE.
 */
import { isUtf8 } from 'node:buffer';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

/** A place in bytes that are being written or read. */
export interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

const major = { uint: 0, bytes: 2, text: 3, array: 4, map: 5 } as const;
type Major = (typeof major)[keyof typeof major];

export function writeUint(out: Cursor, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw refused('a safe unsigned integer');
  writeHead(out, major.uint, value);
}

export function writeBytes(out: Cursor, value: Uint8Array): void {
  writeHead(out, major.bytes, value.length);
  reserve(out, value.length);
  out.bytes.set(value, out.at);
  out.at += value.length;
}

export function writeText(out: Cursor, value: string): void {
  if (writeShortAscii(out, value)) return;
  if (!value.isWellFormed()) throw refused('text without lone surrogates');
  const length = Buffer.byteLength(value);
  writeHead(out, major.text, length);
  reserve(out, length);
  out.at += out.bytes.write(value, out.at);
}

/**
 * Most text of a header is this: written here, it needs no call into the engine. False where it is not;
 * what was written then is written over.
 */
function writeShortAscii(out: Cursor, value: string): boolean {
  const { length } = value;
  if (length > shortTextMax || length + 2 > out.bytes.length - out.at) return false;
  const { bytes } = out;
  let at = out.at + (length < 24 ? 1 : 2);
  for (let index = 0; index < length; index += 1, at += 1) {
    const unit = value.charCodeAt(index);
    if (unit > 0x7f) return false;
    bytes[at] = unit;
  }
  writeHead(out, major.text, length);
  out.at = at;
  return true;
}

const shortTextMax = 64;

export const writeArray = (out: Cursor, count: number): void => writeHead(out, major.array, count);
export const writeMap = (out: Cursor, count: number): void => writeHead(out, major.map, count);

export const readUint = (from: Cursor): number => readHead(from, major.uint);

/** A view, not a copy. */
export function readBytes(from: Cursor): Buffer {
  const length = readHead(from, major.bytes);
  skip(from, length);
  return from.bytes.subarray(from.at - length, from.at);
}

export function readText(from: Cursor): string {
  const length = readHead(from, major.text);
  const start = from.at;
  skip(from, length);
  const text = from.bytes.toString('utf8', start, from.at);
  // Every fault in UTF-8 decodes to a replacement character, which seldom is there by right.
  if (text.includes('\ufffd') && !isUtf8(from.bytes.subarray(start, from.at))) {
    throw refused('text in UTF-8');
  }
  return text;
}

/** A text that is written and looked for often, encoded once. */
export function encodeText(value: string): Buffer {
  const out = { bytes: Buffer.alloc(Buffer.byteLength(value) + 9), at: 0 };
  writeText(out, value);
  return out.bytes.subarray(0, out.at);
}

/** Writes what encodeText gave. */
export function writeEncoded(out: Cursor, encoded: Buffer): void {
  reserve(out, encoded.length);
  out.bytes.set(encoded, out.at);
  out.at += encoded.length;
}

/** Goes past the encoded text if exactly that comes next. */
export function skipEncoded(from: Cursor, encoded: Buffer): boolean {
  const { bytes, at } = from;
  for (let index = 0; index < encoded.length; index += 1) {
    if (bytes[at + index] !== encoded[index]) return false;
  }
  from.at += encoded.length;
  return true;
}

export const readArray = (from: Cursor): number => readCount(from, major.array);
export const readMap = (from: Cursor): number => readCount(from, major.map);

/** Bytewise order of encoded text keys: the shorter first, then by UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  const [aBytes, bBytes] = [Buffer.byteLength(a), Buffer.byteLength(b)];
  if (aBytes !== bBytes) return aBytes - bBytes;
  // As many bytes as units: ASCII, which strings order by byte.
  if (aBytes === a.length && bBytes === b.length) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function readCount(from: Cursor, type: Major): number {
  const count = readHead(from, type);
  if (count > limits.cborItemsMax) throw refused(`at most ${limits.cborItemsMax} items`);
  return count;
}

function writeHead(out: Cursor, type: Major, value: number): void {
  reserve(out, 9);
  const { bytes, at } = out;
  const lead = type << 5;
  if (value < 24) {
    bytes[at] = lead | value;
    out.at += 1;
  } else if (value < 0x100) {
    bytes[at] = lead | 24;
    bytes[at + 1] = value;
    out.at += 2;
  } else if (value < 0x10000) {
    bytes[at] = lead | 25;
    out.at = bytes.writeUInt16BE(value, at + 1);
  } else if (value < 0x100000000) {
    bytes[at] = lead | 26;
    out.at = bytes.writeUInt32BE(value, at + 1);
  } else {
    bytes[at] = lead | 27;
    out.at = bytes.writeBigUInt64BE(BigInt(value), at + 1);
  }
}

function readHead(from: Cursor, type: Major): number {
  const { bytes, at } = from;
  const lead = bytes[at] ?? indefinite;
  const short = lead & 0x1f;
  if (lead >> 5 !== type || short > 27) throw refused(`an item of major type ${type}`);
  const size = short < 24 ? 0 : 1 << (short - 24);
  if (size >= bytes.length - at) throw refused('an item inside the header');
  from.at += 1 + size;
  if (size === 0) return short;
  const value = size === 8 ? Number(bytes.readBigUInt64BE(at + 1)) : bytes.readUIntBE(at + 1, size);
  const smallest = size === 1 ? 24 : 2 ** (4 * size);
  if (value < smallest || !Number.isSafeInteger(value)) throw refused('the shortest form');
  return value;
}

/** The lead byte of no item that is read here. */
const indefinite = 0xff;

function skip(from: Cursor, length: number): void {
  if (length > from.bytes.length - from.at) throw refused('an item inside the header');
  from.at += length;
}

function reserve(out: Cursor, length: number): void {
  if (length > out.bytes.length - out.at) throw refused('a header that fits its buffer');
}

function refused(expected: string): SallyportError {
  return new SallyportError('PACKAGE_MESSAGE', `expected ${expected}`);
}
