/**
 * What is open at a place of a PDF, to readers that began at different objects before it. They begin where a
 * table says, so each `obj` may be a begin, and all of them are followed at once:
 *
 *   5 0 obj << /A ( 6 0 obj << /B       to the first a string in a dictionary, to the second a dictionary
 */

/** What is open: dictionaries and lists, then a string, a comment or half of a dictionary's end. */
type View = string;
const dictionary = 'd';
const list = 'l';
const broken = 'x';

/** A sound file has fewer views at once, less open in each other, and fewer views in all. */
const viewsMax = 16;
const openMax = 64;
const knownMax = 4096;

/** Each by its place here; the second of two `>`, and brackets behind a backslash, are others than alone. */
const tokens = ['', '(', ')', '\\(', '\\)', '<<', '<', '>', '>>', '[', ']', '%', '\n', 'obj'];
const none = 0;
const object = tokens.indexOf('obj');
const opening = tokens.indexOf('<<');

/**
 * True where the end of the text is in the outermost dictionary of an object, and to no reader in a string,
 * a comment or something else. Many readers pass over what has no place in a dictionary, such as an object.
 */
export function endsInDictionary(text: string): boolean {
  /** The views that were met, and by view and token the number of the next one. */
  const known: View[] = [''];
  const steps: number[] = [];
  const step = (view: number, token: number): number => {
    const next = after(known[view] ?? '', tokens[token] ?? '');
    const number = known.indexOf(next);
    return number < 0 ? known.push(next) - 1 : number;
  };
  let views = [0];
  for (const scan = { text, at: 0, closed: -1, slashes: 0 }; scan.at < text.length; ) {
    const token = nextToken(scan);
    if (token === none) continue;
    if (token === object) views.push(0);
    for (let index = 0; index < views.length; index += 1) {
      const view = views[index] ?? 0;
      const place = view * tokens.length + token;
      const next = steps[place] ?? step(view, token);
      steps[place] = next;
      if (known[next] === broken) return false;
      views[index] = next;
    }
    if (views.length > 1) views = [...new Set(views)];
    if (views.length > viewsMax || known.length > knownMax) return false;
  }
  // To whom nothing is open, what ends here is no dictionary, and what follows is no stream.
  const open = views.filter((view) => known[view] !== '');
  return open.length > 0 && open.every((view) => known[view] === dictionary);
}

interface Scan {
  readonly text: string;
  at: number;
  /** Behind the last `>`. */
  closed: number;
  /** Backslashes right before. */
  slashes: number;
}

/** By code: the token that it is or begins; a backslash and an o are looked at. */
const table = Uint8Array.from({ length: 256 }, (_, code) => {
  const one = String.fromCharCode(code);
  return one === '\r' ? tokens.indexOf('\n') : Math.max(none, tokens.indexOf(one));
});
const backslash = 0x5c;
const letterO = 0x6f;

function nextToken(scan: Scan): number {
  const { text, slashes } = scan;
  const code = text.charCodeAt(scan.at);
  scan.at += 1;
  scan.slashes = code === backslash ? slashes + 1 : 0;
  const token = table[code] ?? none;
  if (token === none) return code === letterO && isObject(text, scan.at - 1) ? object : none;
  switch (tokens[token]) {
    case '(':
    case ')':
      return slashes % 2 === 1 ? token + 2 : token;
    case '<':
      if (text[scan.at] !== '<') return token;
      scan.at += 1;
      return opening;
    case '>': {
      const isSecond = scan.closed === scan.at - 1;
      scan.closed = scan.at;
      return isSecond ? token + 1 : token;
    }
    default:
      return token;
  }
}

const isLetter = (one = ''): boolean => /[A-Za-z]/.test(one);

const isObject = (text: string, at: number): boolean =>
  text.startsWith('obj', at) && !isLetter(text[at - 1]) && !isLetter(text[at + 3]);

function after(view: View, token: string): View {
  if (view.length > openMax) return broken;
  const outside = view.slice(0, -1);
  switch (view.at(-1)) {
    case '%':
      return token === '\n' ? outside : view;
    case '(':
      if (token === '(') return view + token;
      return token === ')' ? outside : view;
    case '<':
      return token.startsWith('>') ? outside : view;
    case '>':
      return token === '>>' ? close(outside, dictionary) : after(outside, token);
    default:
      return afterPlain(view, token);
  }
}

/** Outside of strings a backslash is nothing. */
function afterPlain(view: View, token: string): View {
  switch (token) {
    case '<<':
      return view + dictionary;
    case '[':
      return view + list;
    case ']':
      return close(view, list);
    case '(':
    case '\\(':
      return `${view}(`;
    case '>':
    case '>>':
      return `${view}>`;
    case '<':
    case '%':
      return view + token;
    default:
      return view;
  }
}

/** What was open before a view began may end in it. */
function close(view: View, kind: string): View {
  if (view === '') return view;
  return view.endsWith(kind) ? view.slice(0, -1) : broken;
}
