/**
 * The first look at XML, before any parser: only what the profile has may be there at all. No DTD, so
 * no entity but the five of XML itself, nothing external and nothing that grows; no processing
 * instruction; UTF-8; bounded in elements, depth, attributes and text. Whether it is well-formed is the
 * parser's to say, which after this has nothing left to resolve, fetch or expand.
 */
import { isUtf8 } from 'node:buffer';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';

/** Why XML is refused; in the message of the error, never with a piece of the text. */
export type XmlRule =
  | 'size'
  | 'utf-8'
  | 'encoding'
  | 'dtd'
  | 'instruction'
  | 'entity'
  | 'elements'
  | 'depth'
  | 'attributes'
  | 'text-length'
  | 'well-formed'
  | 'root'
  | 'namespace'
  | 'repeated'
  | 'mixed'
  | 'character'
  | 'xsd';

/** The text of untrusted bytes. Errors: XML_REFUSED. */
export function scanXml(bytes: Uint8Array): string {
  if (bytes.length > limits.xmlBytesMax) throw xmlRefused('size');
  if (!isUtf8(bytes)) throw xmlRefused('utf-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const head = declaration.exec(text)?.[0] ?? '';
  if (/^<\?xml\s/.test(text) && head === '') throw xmlRefused('encoding');
  const scan: Scan = { text, at: head.length, depth: 0, elements: 0 };
  while (scan.at < text.length) {
    const next = text.indexOf('<', scan.at);
    scanText(text.slice(scan.at, next < 0 ? text.length : next));
    if (next < 0) break;
    scan.at = next;
    scanMarkup(scan);
  }
  return text;
}

export function xmlRefused(rule: XmlRule, cause?: unknown): SallyportError {
  return new SallyportError('XML_REFUSED', `expected XML of the profile, got a break of ${rule}`, {
    hint: 'send UTF-8 XML without DTD and processing instructions, with the root and namespace of the route',
    cause,
  });
}

interface Scan {
  readonly text: string;
  at: number;
  depth: number;
  elements: number;
}

const quoted = (value: string): string => `(?:"(?:${value})"|'(?:${value})')`;
const declaration = new RegExp(
  `^<\\?xml\\s+version\\s*=\\s*${quoted('1\\.0')}(?:\\s+encoding\\s*=\\s*${quoted('utf-8')})?` +
    `(?:\\s+standalone\\s*=\\s*${quoted('yes|no')})?\\s*\\?>`,
  'i',
);
const otherEntity = /&(?!(?:lt|gt|amp|quot|apos|#\d{1,7}|#x[\da-fA-F]{1,6});)/;

function scanText(text: string): void {
  if (text.length > limits.xmlTextBytesMax) throw xmlRefused('text-length');
  if (otherEntity.test(text)) throw xmlRefused('entity');
}

function scanMarkup(scan: Scan): void {
  const { text, at } = scan;
  if (text.startsWith('<!--', at)) scan.at = behind(text, '-->', at + 4);
  else if (text.startsWith('<![CDATA[', at)) {
    scan.at = behind(text, ']]>', at + 9);
    if (scan.at - at > limits.xmlTextBytesMax) throw xmlRefused('text-length');
  } else if (text[at + 1] === '!') throw xmlRefused('dtd');
  else if (text[at + 1] === '?') throw xmlRefused('instruction');
  else scanTag(scan);
}

const tagParts = /"[^"<]*"|'[^'<]*'|=|>/g;

function scanTag(scan: Scan): void {
  const { text, at } = scan;
  let attributes = 0;
  tagParts.lastIndex = at;
  for (;;) {
    const part = tagParts.exec(text);
    if (part === null) throw xmlRefused('well-formed');
    if (part[0] === '>') break;
    if (part[0] === '=') attributes += 1;
    if (attributes > limits.xmlAttributesMax) throw xmlRefused('attributes');
  }
  const end = tagParts.lastIndex;
  const tag = text.slice(at + 1, end);
  scanText(tag);
  // A validator might follow it, and it has no other use.
  if (tag.includes('chemaLocation')) throw xmlRefused('namespace');
  scan.at = end;
  if (text[at + 1] === '/') {
    scan.depth -= 1;
    return;
  }
  scan.elements += 1;
  if (scan.elements > limits.xmlElementsMax) throw xmlRefused('elements');
  if (text[end - 2] === '/') return;
  scan.depth += 1;
  if (scan.depth > limits.xmlDepthMax) throw xmlRefused('depth');
}

function behind(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  if (found < 0) throw xmlRefused('well-formed');
  return found + mark.length;
}
