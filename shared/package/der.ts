/**
 * DER (X.690 §10), as much as the package needs: definite, minimal lengths and low tag numbers.
 *
 * The reader only finds places; it judges nothing but lengths. Whoever reads a structure builds it
 * again from the values found and compares the bytes: what is not exactly what we would have
 * written is refused.
 */
import { SallyportError } from '../errors.ts';

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Tag byte of a context-specific element: primitive `[n]` or constructed `[n]`. */
export function contextTag(number: number, constructed: boolean): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

/** Tag and length of an element whose content follows elsewhere. */
export function derHead(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([tag, 0x80 | bytes.length, ...bytes]);
}

/** One element; its content is the parts in order. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  return Buffer.concat([derHead(tag, length), ...parts]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(tags.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => der(tags.set, ...parts);
export const octetString = (bytes: Uint8Array): Buffer => der(tags.octetString, bytes);

/** A non-negative INTEGER from big-endian bytes of any length. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const value = bytes.subarray(start);
  return (value[0] ?? 0) < 0x80
    ? der(tags.integer, value)
    : der(tags.integer, Buffer.from([0]), value);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift(0x80 | (left % 128));
    }
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

export interface DerElement {
  /** Tag, length and content. */
  readonly whole: Buffer;
  readonly content: Buffer;
}

/**
 * The element at a path of child positions: `derAt(file, 0, 1)` is the second child of the first
 * element. Views into `bytes`, nothing is copied. Throws `Error` (the caller adds its code) where
 * the path leaves the bytes or a length is not definite and minimal.
 */
export function derAt(bytes: Buffer, ...path: readonly number[]): DerElement {
  let element: DerElement = { whole: bytes, content: bytes };
  for (const position of path) {
    let offset = 0;
    for (let index = 0; index < position; index += 1) {
      offset += readElement(element.content, offset).whole.length;
    }
    element = readElement(element.content, offset);
  }
  return element;
}

/** The elements that follow each other in `bytes`, whole. Throws as derAt does. */
export function derElements(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const { whole } = readElement(bytes, offset);
    found.push(whole);
    offset += whole.length;
  }
  return found;
}

function readElement(bytes: Buffer, offset: number): DerElement {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count < 1 || count > 4 || start + count > bytes.length) throw malformed();
    length = bytes.readUIntBE(start, count);
    start += count;
    if (derHead(tag, length).length !== start - offset) throw malformed();
  }
  const end = start + length;
  if (end > bytes.length) throw malformed();
  return { whole: bytes.subarray(offset, end), content: bytes.subarray(start, end) };
}

function malformed(): SallyportError {
  return new SallyportError('PACKAGE_LAYOUT', 'expected a DER element inside its parent');
}
