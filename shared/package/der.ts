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

/** Bytes of tag and length before a content of `length`. */
export function derHeadBytes(length: number): number {
  let bytes = 2;
  if (length < 0x80) return bytes;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes += 1;
  return bytes;
}

/** Tag and length of an element whose content follows elsewhere. */
export function derHead(tag: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(derHeadBytes(length));
  writeHead(head, tag, length, head.length);
  return head;
}

/** One element; its content is the parts in order. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  let at = derHeadBytes(length);
  const element = Buffer.allocUnsafe(at + length);
  writeHead(element, tag, length, at);
  for (const part of parts) {
    element.set(part, at);
    at += part.length;
  }
  return element;
}

function writeHead(out: Buffer, tag: number, length: number, headBytes: number): void {
  out[0] = tag;
  if (headBytes === 2) {
    out[1] = length;
    return;
  }
  out[1] = 0x80 | (headBytes - 2);
  for (let at = headBytes - 1, rest = length; at > 1; at -= 1, rest = Math.floor(rest / 256)) {
    out[at] = rest % 256;
  }
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
  let found: Place = { start: 0, content: 0, end: bytes.length };
  for (const position of path) {
    let child = placeAt(bytes, found.content, found.end);
    for (let index = 0; index < position; index += 1) {
      child = placeAt(bytes, child.end, found.end);
    }
    found = child;
  }
  const { start, content, end } = found;
  return { whole: bytes.subarray(start, end), content: bytes.subarray(content, end) };
}

/** The elements that follow each other in `bytes`, whole. Throws as derAt does. */
export function derElements(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const { end } = placeAt(bytes, offset, bytes.length);
    found.push(bytes.subarray(offset, end));
    offset = end;
  }
  return found;
}

/** Where an element and its content start, and where both end. */
interface Place {
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/** The element at `start`, inside a parent that ends at `limit`. */
function placeAt(bytes: Buffer, start: number, limit: number): Place {
  const tag = bytes[start];
  const first = bytes[start + 1];
  let content = start + 2;
  if (tag === undefined || first === undefined || content > limit) throw malformed();
  if ((tag & 0x1f) === 0x1f) throw malformed();
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count < 1 || count > 4 || content + count > limit) throw malformed();
    length = bytes.readUIntBE(content, count);
    content += count;
    if (derHeadBytes(length) !== content - start) throw malformed();
  }
  const end = content + length;
  if (end > limit) throw malformed();
  return { start, content, end };
}

function malformed(): SallyportError {
  return new SallyportError('PACKAGE_LAYOUT', 'expected a DER element inside its parent');
}
