/** Values that are not copied from the input but written: as JSON.stringify writes them. */
import type { Json } from '../json.ts';
import { backslash, quote } from './bytes.ts';
import { reserve, type Tape } from './tape.ts';

export function writeValue(tape: Tape, value: Json): void {
  if (typeof value !== 'string' || !writePlain(tape, value)) {
    writeText(tape, JSON.stringify(value));
  }
}

function writeText(tape: Tape, text: string): void {
  reserve(tape, 3 * text.length);
  tape.size += tape.out.write(text, tape.size, 'utf8');
}

/** The runtime is faster for more. */
const plainCharactersMax = 64;

/** False, and nothing written, where the text has characters that need more than a glance. */
function writePlain(tape: Tape, text: string): boolean {
  if (text.length > plainCharactersMax) return false;
  reserve(tape, 3 * text.length + 2);
  const { out } = tape;
  let to = tape.size;
  out[to++] = quote;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) {
      if (unit < 0x20 || unit === quote || unit === backslash) return false;
      out[to++] = unit;
    } else if (unit < 0x800) {
      out[to++] = 0xc0 | (unit >> 6);
      out[to++] = 0x80 | (unit & 0x3f);
    } else {
      if (unit >= 0xd800 && unit < 0xe000) return false;
      out[to++] = 0xe0 | (unit >> 12);
      out[to++] = 0x80 | ((unit >> 6) & 0x3f);
      out[to++] = 0x80 | (unit & 0x3f);
    }
  }
  out[to++] = quote;
  tape.size = to;
  return true;
}
