/** As much of the syntax of PDF (ISO 32000) as tells names from what only looks like one. */

/** The bytes with names as they are meant; they can be written in hexadecimal, as often as one likes. */
export function plainNames(bytes: Buffer): string {
  if (!bytes.includes(numberSign)) return bytes.toString('latin1');
  const plain = Buffer.allocUnsafe(bytes.length);
  let size = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const [high, low] =
      byte === numberSign ? [digitOf(bytes[at + 1]), digitOf(bytes[at + 2])] : [-1, -1];
    const isCode = high >= 0 && low >= 0;
    plain[size] = isCode ? high * 16 + low : byte;
    size += 1;
    if (isCode) at += 2;
  }
  return plain.toString('latin1', 0, size);
}

const numberSign = 0x23;

/** The value of a hexadecimal digit; -1 where it is none. */
function digitOf(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/**
 * True where, to a reader that begins at some object before, the end of the text may be within a string or a
 * comment. Readers begin where a table says, so each `obj` may be a begin: all of them are followed at once,
 * by how many brackets are open to each. More views than a few are none that a sound file gives.
 */
export function mayBeInText(text: string): boolean {
  let views = new Set<number>();
  for (const { 0: token } of text.matchAll(tokens)) {
    if (views.size > viewsMax) return true;
    if (token === 'obj') views.add(plain);
    else views = new Set(Array.from(views, (view) => after(view, token)));
  }
  return Array.from(views).some((view) => view !== plain);
}

const tokens = /\bobj\b|\\.|[()%\r\n]/gs;
const viewsMax = 16;
const plain = 0;
const comment = -1;

function after(view: number, token: string): number {
  if (view === comment) return /[\r\n]/.test(token) ? plain : comment;
  if (token === '(') return view + 1;
  if (token === ')') return Math.max(plain, view - 1);
  if (view !== plain) return view;
  // Outside of a string a backslash is nothing.
  if (token.startsWith('\\')) return token === '\\(' ? 1 : token === '\\%' ? comment : plain;
  return token === '%' ? comment : plain;
}
