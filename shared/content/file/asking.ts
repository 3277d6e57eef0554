/** What a part of an Office document (ECMA-376) asks other programs for or fetches, and says nowhere else. */

/**
 * True for links to other programs (DDE), connections of a book to data elsewhere, and fields of Word that
 * ask them or fetch pictures and texts.
 */
export function asksElsewhere(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  if (linked.test(text)) return true;
  // A field is spread over several runs as one likes.
  const asked = Array.from(text.matchAll(instructions), ([, run = '', field = '']) => run + field);
  return asking.test(asked.join(''));
}

const linked = /<(?:[\w.-]{0,64}:)?(?:ddeLink|(?:db|olap|web|text)Pr)[\s/>]/;
const instructions =
  /<(?:[\w.-]{0,64}:)?instrText(?=[\s>])[^<>]*>([^<]*)|:instr\s{0,16}=\s{0,16}("[^"<]*"|'[^'<]*')/g;
/** With a reference to a character a field could be written so that it is not found. */
const asking = /(?:DDE(?:AUTO)?|INCLUDE(?:TEXT|PICTURE))(?:\s|&quot;|")|&#/i;
