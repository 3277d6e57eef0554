/** A form (application/x-www-form-urlencoded, WHATWG URL §5) ↔ an object of plain members and lists. */
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Json } from './json.ts';
import { readTyped } from './pairs.ts';
import { type Schema, typesOf } from './schema.ts';

/** The object of untrusted bytes; a member of type array is a field that repeats. Errors: FORM_REFUSED. */
export function parseForm(bytes: Uint8Array, schema: Schema): Json {
  if (bytes.length > limits.formBytesMax) throw refused(`at most ${limits.formBytesMax} bytes`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  if (!/^[!$-~]*$/.test(text)) throw refused('percent-encoded ASCII');
  const parts = text.split('&');
  if (parts.length > limits.formPairsMax) throw refused(`at most ${limits.formPairsMax} fields`);
  const members = new Map<string, Json>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    if (equals < 1) throw refused('a name and = for each field');
    const [name, value] = [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
    const properties = schema.properties ?? {};
    const node = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (node !== undefined && typesOf(node).includes('array')) {
      const list = members.get(name);
      const item = node.items === undefined ? value : readTyped(node.items, value);
      members.set(name, Array.isArray(list) ? [...list, item] : [item]);
    } else if (members.has(name)) throw refused('each field once');
    else members.set(name, node === undefined ? value : readTyped(node, value));
  }
  return Object.fromEntries(members);
}

/** The object as a form; null is an empty value. */
export function formatForm(value: Json): string {
  return Object.entries(value ?? {})
    .flatMap(([name, item]: [string, Json]) => {
      const items: readonly Json[] = Array.isArray(item) ? item : [item];
      return items.map((one) => `${encode(name)}=${one === null ? '' : encode(String(one))}`);
    })
    .join('&');
}

function decode(part: string): string {
  const spaced = part.replaceAll('+', ' ');
  try {
    return spaced.includes('%') ? decodeURIComponent(spaced) : spaced;
  } catch {
    throw refused('percent-encoded UTF-8');
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}

function refused(expected: string): SallyportError {
  return new SallyportError('FORM_REFUSED', `expected ${expected} in a form, got another`, {
    hint: 'send application/x-www-form-urlencoded as the URL standard has it',
  });
}
