/**
 * What a part of an OpenDocument (ISO/IEC 26300) does or fetches when it is opened. Its tags are gone through
 * as text: content may be larger than is parsed elsewhere, and each `<` begins a tag, whatever is before it.
 */

/** True for scripts, macros that it calls, data of other programs, and for places outside of the document. */
export function actsOrReaches(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  if (doctype.test(text) || scripted.test(text)) return true;
  let tag = '';
  let isPlace = false;
  for (const [token] of text.matchAll(tokens)) {
    if (token.startsWith('<')) tag = token.slice(token.lastIndexOf(':') + 1).replace('<', '');
    else if (token === '>') tag = '';
    else if (token !== 'href' && isPlace && tag !== '' && !isHarmless(tag, token)) return true;
    isPlace = token === 'href';
  }
  return false;
}

/** With a DTD a name could be written so that it is not found. */
const doctype = /<!DOCTYPE/i;
const scripted = /<(?:[\w.-]{0,64}:)?(?:script|dde-[a-z-]+)[\s/>]|:macro-name[\s=]/;
const tokens = /<[^\s/>]*|href|"[^"<]*"|'[^'<]*'|>/g;

/** `value`: with its quotes. A link to click on may lead anywhere but to a macro. */
function isHarmless(tag: string, value: string): boolean {
  const place = value.slice(1, -1).trim();
  return tag === 'a' ? !command.test(place) : own.test(place);
}

const command =
  /^[^/?#]*&#|^(?:vnd\.sun\.star|macro|service|slot|private|\.uno|javascript|vbscript)\b/i;
/** In the document itself: `#Slide 2`, `Pictures/a.png`, `./Object 1`. */
const own = /^(?:#.*|(?:\.\/)?(?![./\\])(?!.*\.\.\/)[^:&\\]*)$/s;
