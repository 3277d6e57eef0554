/**
 * What a file is, by its bytes alone: a name or a declared type is a claim of the sender. A file that two
 * programs would take for two things (a polyglot) is none of both.
 */
import { isUtf8 } from 'node:buffer';
import { SallyportError } from '../../errors.ts';
import { gifEnd, jpegEnd, pngEnd } from './picture.ts';
import { isSheetText } from './sheet-text.ts';

export type FileType =
  | 'pdf'
  | 'zip'
  | 'docx'
  | 'xlsx'
  | 'pptx'
  | 'odt'
  | 'ods'
  | 'odp'
  | 'ole'
  | 'gzip'
  | 'tar'
  | 'png'
  | 'jpeg'
  | 'gif'
  | 'tiff'
  | 'elf'
  | 'pe'
  | 'script'
  | 'html'
  | 'xml'
  | 'text';

/**
 * An office document is a zip here: which one it is show its parts. Errors: FILE_TYPE_REFUSED for a type
 * that is not in the table, and for one that is two.
 */
export function fileTypeOf(bytes: Buffer): FileType {
  const found = signatures.filter(({ matches }) => matches(bytes)).map(({ type }) => type);
  const type = found[0] ?? textTypeOf(bytes);
  if (type === undefined) throw typeRefused('a known type', 'another');
  if (found.length > 1 || isAlsoOther(type, bytes))
    throw typeRefused('one type', 'several at once');
  if (!endsAsItMust(type, bytes)) throw typeRefused(`nothing after the end of a ${type}`, 'more');
  return type;
}

export function typeRefused(expected: string, got: string): SallyportError {
  return new SallyportError('FILE_TYPE_REFUSED', `expected ${expected}, got ${got}`, {
    hint: 'the bytes decide what a file is; allow its type for the flow, or send another',
  });
}

interface Signature {
  readonly type: FileType;
  matches(bytes: Buffer): boolean;
}

const startsWith = (type: FileType, ...starts: readonly string[]): Signature => ({
  type,
  matches: (bytes) => starts.some((start) => bytes.toString('latin1', 0, start.length) === start),
});

const signatures: readonly Signature[] = [
  startsWith('pdf', '%PDF-'),
  startsWith('zip', 'PK\x03\x04', 'PK\x05\x06'),
  startsWith('ole', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'),
  startsWith('gzip', '\x1f\x8b\x08'),
  { type: 'tar', matches: (bytes) => /^ustar[\0 ]/.test(bytes.toString('latin1', 257, 263)) },
  startsWith('png', '\x89PNG\r\n\x1a\n'),
  startsWith('jpeg', '\xff\xd8\xff'),
  startsWith('gif', 'GIF87a', 'GIF89a'),
  startsWith('tiff', 'II*\0', 'MM\0*'),
  startsWith('elf', '\x7fELF'),
  startsWith('pe', 'MZ'),
];

const looked = 1024;
const control = /[^\P{Cc}\t\n\r\f]/u;

/** Text is UTF-8 without controls; what it is for shows at its start. */
function textTypeOf(bytes: Buffer): FileType | undefined {
  if (bytes.length === 0 || !isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  if (control.test(text)) return undefined;
  const head = text.slice(0, looked).replace(/^\ufeff?\s*/, '');
  if (otherText.test(head) || flatDocument.test(text) || isSheetText(text)) return undefined;
  if (head.startsWith('#!')) return 'script';
  if (markup.test(head)) return 'html';
  return /^<\?xml|^<[a-z_]/i.test(head) ? 'xml' : 'text';
}

/** RTF, PostScript and MIME messages: texts that hold files, objects and programs. */
const otherText = /^(?:\{\\rt|%!PS|(?:[\w-]+:.*\r?\n(?:[ \t].*\r?\n)*)*MIME-Version:)/i;
/** Office documents in one file of XML, macros included: of Word and Excel 2003, packages, OpenDocument. */
const flatDocument = new RegExp(
  [
    '<\\?mso-application',
    String.raw`schemas\.microsoft\.com/office/(?:2006/xmlPackage|word/2003/)`,
    'schemas-microsoft-com:office:spreadsheet',
    String.raw`<[\w.-]{1,64}:document\s[^<>]*:mimetype\s{0,16}=`,
    String.raw`\sxmlns(?::[\w.-]{1,64})?\s{0,16}=\s{0,16}["'][^"'<]{0,1024}&#`,
  ].join('|'),
  'i',
);

const markup = /<(?:!doctype\s+html|html|head|body|script|iframe|svg|\?php)\b|<\?php/i;

/** What other programs look for behind the start: a PDF within the first KiB, a zip from the end. */
function isAlsoOther(type: FileType, bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, looked);
  if (type !== 'pdf' && head.includes('%PDF-')) return true;
  // Containers of other files may well hold such bytes; those are looked at when they are unpacked.
  const container = type === 'zip' || type === 'tar' || type === 'gzip' || type === 'ole';
  if (!container && endsAsZip(bytes)) return true;
  const image = type === 'png' || type === 'jpeg' || type === 'gif' || type === 'tiff';
  return (image || type === 'pdf') && markup.test(head);
}

/** An end record of a zip that says truly how long its comment is. */
function endsAsZip(bytes: Buffer): boolean {
  const from = Math.max(0, bytes.length - 65_557);
  for (
    let at = bytes.lastIndexOf('PK\x05\x06');
    at >= from;
    at = bytes.lastIndexOf('PK\x05\x06', at - 1)
  ) {
    if (at + 22 <= bytes.length) return true;
    if (at === 0) break;
  }
  return false;
}

function endsAsItMust(type: FileType, bytes: Buffer): boolean {
  switch (type) {
    case 'png':
      return pngEnd(bytes) === bytes.length;
    case 'jpeg': {
      // Cameras and libraries fill up the last block.
      const end = jpegEnd(bytes);
      return end !== undefined && bytes.subarray(end).every((byte) => byte === 0);
    }
    case 'gif':
      return gifEnd(bytes) === bytes.length;
    case 'pdf':
      return /%%EOF\s*$/.test(bytes.toString('latin1', Math.max(0, bytes.length - looked)));
    default:
      return true;
  }
}
