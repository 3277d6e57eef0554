/**
 * Request targets in one normal form. What two parsers could read in two ways is refused, not
 * repaired: the outer edge, both guards and the upstream must all see the same path.
 */
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

export type QueryPair = readonly [name: string, value: string];

export interface NormalTarget {
  /**
   * Canonical percent-encoding: normalising it again changes nothing. No query, no trailing slash.
   */
  readonly path: string;
  /** Decoded pairs in the order that they came. `+` is a space (WHATWG form encoding). */
  readonly query: readonly QueryPair[];
}

/**
 * Normalises an origin-form request target (RFC 9112 §3.2.1) as it came from the wire; untrusted.
 * Errors: PATH_REFUSED for `.`, `..`, empty segments, encoded slash, backslash, percent or dot
 * tricks, control and format characters, `;` parameters, bad percent or UTF-8, absolute form, over
 * a limit.
 */
export function normalisePath(rawTarget: string): NormalTarget {
  if (rawTarget.length > limits.edgePathBytesMax) {
    throw refused(`at most ${limits.edgePathBytesMax} bytes`, `${rawTarget.length}`);
  }
  const mark = rawTarget.indexOf('?');
  const rawPath = mark < 0 ? rawTarget : rawTarget.slice(0, mark);
  const segments = decodeSegments(rawPath);
  return {
    path: encodePath(segments),
    query: mark < 0 ? [] : decodeQuery(rawTarget.slice(mark + 1)),
  };
}

/**
 * Decoded segments of a path that must be in normal form already: a header field of the other node.
 * `/` has none. Errors: PATH_REFUSED, also where the path is valid but not in its normal form.
 */
export function pathSegments(path: string): readonly string[] {
  if (path.length > limits.edgePathBytesMax) {
    throw refused(`at most ${limits.edgePathBytesMax} bytes`, `${path.length}`);
  }
  const segments = decodeSegments(path);
  if (path.includes('%') && encodePath(segments) !== path) {
    throw refused('a path in normal form', 'another encoding of it');
  }
  return segments;
}

/**
 * Writes decoded segments in the normal form: RFC 3986 pchar stays, all else is percent-encoded.
 */
export function encodePath(segments: readonly string[]): string {
  let path = '';
  for (const segment of segments) path += `/${encodeSegment(segment)}`;
  return path === '' ? '/' : path;
}

/** Writes decoded pairs as a query string without `?`; empty for none. */
export function encodeQuery(query: readonly QueryPair[]): string {
  return query
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

const plainPath = /^[\w\-~.!$&'()*+,=:@/]*$/;
const encodedPath = /^[\w\-~.!$&'()*+,=:@/%]*$/;
const queryText = /^[!$-;=?-[\]-~]*$/;
/** Cc, Cf (bidi, zero-width), line and paragraph separators, surrogates. */
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

function decodeSegments(rawPath: string): string[] {
  if (!rawPath.startsWith('/')) throw refused('a path that begins with a slash', 'another form');
  if (rawPath === '/') return [];
  const plain = plainPath.test(rawPath);
  if (!plain && !encodedPath.test(rawPath)) {
    throw refused('RFC 3986 path characters', 'another character');
  }
  const parts = rawPath.slice(1).split('/');
  if (parts.length > limits.pathSegmentsMax) {
    throw refused(`at most ${limits.pathSegmentsMax} segments`, `${parts.length}`);
  }
  const segments = plain ? parts : parts.map(decodeSegment);
  for (const segment of segments) {
    if (segment === '' || segment === '.' || segment === '..') {
      throw refused('no empty or dot segment', 'one');
    }
  }
  return segments;
}

function decodeSegment(part: string): string {
  if (!part.includes('%')) return part;
  const segment = decodePercent(part);
  if (/[/\\%;]/.test(segment) || hidden.test(segment) || segment !== segment.normalize('NFC')) {
    throw refused('no encoded separator, percent, control or format character', 'one');
  }
  // An encoded dot has no honest use: `.` needs no encoding.
  if (/%2e/i.test(part)) throw refused('plain dots', 'an encoded one');
  return segment;
}

function decodeQuery(text: string): QueryPair[] {
  if (text === '') return [];
  if (!queryText.test(text)) throw refused('RFC 3986 query characters', 'another character');
  const parts = text.split('&');
  if (parts.length > limits.queryPairsMax) {
    throw refused(`at most ${limits.queryPairsMax} query pairs`, `${parts.length}`);
  }
  return parts.map((part) => {
    const equals = part.indexOf('=');
    const name = decodePair(equals < 0 ? part : part.slice(0, equals));
    if (name === '') throw refused('a name for each query pair', 'an empty one');
    return [name, equals < 0 ? '' : decodePair(part.slice(equals + 1))];
  });
}

function decodePair(part: string): string {
  const text = decodePercent(part.replaceAll('+', ' '));
  if (hidden.test(text)) throw refused('no control or format character in the query', 'one');
  return text;
}

function decodePercent(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    throw refused('percent-encoded UTF-8', 'a broken sequence');
  }
}

function encodeSegment(segment: string): string {
  if (plainPath.test(segment)) return segment;
  return encodeURIComponent(segment).replace(/%(?:24|26|2B|2C|3A|3D|40)/g, decodeURIComponent);
}

function refused(expected: string, got: string): SallyportError {
  return new SallyportError('PATH_REFUSED', `expected ${expected}, got ${got}`, {
    hint: 'send the path in its plain normal form, each segment encoded once',
  });
}
