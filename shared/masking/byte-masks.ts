/**
 * Masks on the bytes of a text (UTF-8 without what JSON would escape), for values of the usual form.
 * They say the same as the masks on texts (transforms.ts), or that they do not know.
 */
import type { ByteMask } from '../content/place.ts';
import { limits } from '../limits.ts';
import { compoundSurnames } from './surnames.ts';
import { hidden } from './text.ts';

const star = 0x2a;
const unknown = -1;

/** Bits of each byte. */
const word = 1;
const keptAsIs = 2;
const local = 4;
const label = 8;
const letter = 16;

const classes = new Uint8Array(256).map((_, byte) => {
  const one = String.fromCharCode(byte);
  if (byte >= 0x80) return 0;
  const isLetter = /[A-Za-z]/.test(one);
  const isWord = isLetter || /[0-9]/.test(one);
  return (
    (isWord ? word : 0) |
    (/[\w@.*]/.test(one) ? keptAsIs : 0) |
    (/[\w.+%-]/.test(one) ? local : 0) |
    (isWord || one === '-' ? label : 0) |
    (isLetter ? letter : 0)
  );
});

/** True where all bytes have the bit. */
function all(bytes: Uint8Array, start: number, end: number, bit: number): boolean {
  for (let at = start; at < end; at += 1) if (!((classes[bytes[at] ?? 0] ?? 0) & bit)) return false;
  return true;
}

function fill(out: Uint8Array, at: number, count: number, byte: number): number {
  for (let to = at; to < at + count; to += 1) out[to] = byte;
  return at + count;
}

function copy(from: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  for (let index = start; index < end; index += 1) out[at + index - start] = from[index] ?? 0;
  return at + end - start;
}

const hide = (out: Uint8Array, at: number): number => fill(out, at, hidden.length, star);

function isHidden(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === hidden.length && all(bytes, start, end, keptAsIs)
    ? bytes[start] === star && bytes[start + 1] === star && bytes[start + 2] === star
    : false;
}

/** The mask `keep`, on ASCII. */
export function keepBytes(first: number, last: number, char: string): ByteMask | undefined {
  const sign = char.charCodeAt(0);
  if (sign >= 0x80) return undefined;
  return {
    apply(bytes, start, end, out, to) {
      if (!all(bytes, start, end, keptAsIs)) return unknown;
      const concealed = end - start - first - last;
      if (concealed <= 0 || concealed * 2 < first + last) return hide(out, to);
      let at = copy(bytes, start, start + first, out, to);
      at = fill(out, at, Math.min(concealed, limits.keepHiddenMax), sign);
      return copy(bytes, end - last, end, out, at);
    },
    verify(bytes, start, end) {
      const concealed = end - start - first - last;
      const isLong = concealed > 0 && concealed * 2 >= first + last;
      if (!isLong || concealed > limits.keepHiddenMax) return isHidden(bytes, start, end);
      for (let at = start; at < end; at += 1) {
        const byte = bytes[at] ?? 0;
        const isOpen = at < start + first || at >= end - last;
        if (byte >= 0x80 || (!isOpen && byte !== sign)) return false;
      }
      return true;
    },
  };
}

/** The code of the common Han character (U+4E00 to U+9FFF) whose three bytes begin there; or 0. */
function hanAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0xe4 || lead > 0xe9) return 0;
  const code =
    ((lead & 0xf) << 12) | (((bytes[at + 1] ?? 0) & 0x3f) << 6) | ((bytes[at + 2] ?? 0) & 0x3f);
  return code >= 0x4e00 ? code : 0;
}

const compounds = new Set(
  Array.from(compoundSurnames, (name) => name.charCodeAt(0) * 0x1_0000 + name.charCodeAt(1)),
);

/** The mask `surname`, on names of two to five common Han characters. */
export const surnameBytes: ByteMask = {
  apply(bytes, start, end, out, to) {
    const length = (end - start) / 3;
    if (length < 2 || length > 5 || !Number.isInteger(length)) return unknown;
    for (let at = start; at < end; at += 3) if (hanAt(bytes, at) === 0) return unknown;
    const head = hanAt(bytes, start) * 0x1_0000 + hanAt(bytes, start + 3);
    const kept = length > 2 && compounds.has(head) ? 2 : 1;
    return fill(out, copy(bytes, start, start + 3 * kept, out, to), length - kept, star);
  },
  verify(bytes, start, end) {
    if (hanAt(bytes, start) === 0) return isHidden(bytes, start, end);
    const from = hanAt(bytes, start + 3) === 0 ? start + 3 : start + 6;
    if (end - from < 1 || end - from > 4) return false;
    for (let at = from; at < end; at += 1) if (bytes[at] !== star) return false;
    return true;
  },
};

const at64 = 0x40;
const dot = 0x2e;

/** The mask `email`, on addresses of ASCII. */
export const emailBytes: ByteMask = {
  apply(bytes, start, end, out, to) {
    let at = start;
    while (at < end && (classes[bytes[at] ?? 0] ?? 0) & local) at += 1;
    const isLocal = at > start && at - start <= 64 && (classes[bytes[start] ?? 0] ?? 0) & word;
    if (!isLocal || bytes[at] !== at64 || !isDomain(bytes, at + 1, end)) return unknown;
    const from = at - start > 1 ? copy(bytes, start, start + 1, out, to) : to;
    return copy(bytes, at, end, out, hide(out, from));
  },
  verify(bytes, start, end) {
    const from = bytes[start] === star ? start : start + 1;
    if (from > start && !((classes[bytes[start] ?? 0] ?? 0) & word)) return false;
    const at = from + hidden.length;
    if (at > end || !isHidden(bytes, from, at)) return false;
    if (at === end) return from === start;
    return bytes[at] === at64 && isDomain(bytes, at + 1, end);
  },
};

/** One to eight labels, a dot behind each, and two letters or more. */
function isDomain(bytes: Uint8Array, start: number, end: number): boolean {
  let from = start;
  for (let labels = 0; labels <= 8; labels += 1) {
    let at = from;
    while (at < end && (classes[bytes[at] ?? 0] ?? 0) & label) at += 1;
    const length = at - from;
    if (length === 0 || length > 63) return false;
    if (at === end) return labels > 0 && length > 1 && all(bytes, from, end, letter);
    if (bytes[at] !== dot) return false;
    from = at + 1;
  }
  return false;
}
