/**
 * Documents that can do something, or that nobody can look into. What is looked for is wider than what
 * is harmful: a macro is not judged, it is refused.
 */
import { inflateSync } from 'node:zlib';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { mediaTypeOf } from './media.ts';
import type { FileType } from './type.ts';
import type { Unpacked } from './unpack.ts';

/** Errors: FILE_ENCRYPTED, FILE_ACTIVE. */
export function checkDocument(type: FileType, bytes: Buffer): void {
  if (type === 'pdf') checkPdf(bytes);
  if (type === 'ole') checkOle(bytes);
}

/**
 * The parts of a zip as a document of Office (OOXML) or OpenDocument, where it is one. Errors:
 * FILE_ENCRYPTED, FILE_ACTIVE.
 */
export function checkParts(parts: readonly Unpacked[]): void {
  const find = (name: string): string | undefined =>
    parts.find((part) => part.name.toLowerCase() === name)?.bytes.toString('utf8');
  const types = find('[content_types].xml');
  const manifest = find('meta-inf/manifest.xml');
  if (manifest?.includes('encryption-data')) throw encrypted();
  if (types === undefined && manifest === undefined && find('mimetype') === undefined) return;
  if (types !== undefined && /macroEnabled|vbaProject|activeX/i.test(types)) throw active();
  for (const { name, bytes } of parts) {
    if (activePart.test(name)) throw active();
    if (name.endsWith('.rels') && reachesOut(bytes.toString('utf8'))) throw active();
  }
}

/** What each kind of document has and no other: a part of Office, a media type of OpenDocument. */
const mainParts: Readonly<Record<string, FileType>> = {
  'word/document.xml': 'docx',
  'xl/workbook.xml': 'xlsx',
  'ppt/presentation.xml': 'pptx',
};
const openDocuments: ReadonlyMap<string, FileType> = new Map(
  (['odt', 'ods', 'odp'] as const).map((type) => [mediaTypeOf(type), type]),
);

/** Types that the parts of a document may have. */
export const partTypes: ReadonlySet<FileType> = new Set([
  'xml',
  'text',
  'png',
  'jpeg',
  'gif',
  'tiff',
]);

/** Which office document the parts of a zip are; `zip` where they are none or two at once. */
export function documentTypeOf(parts: readonly Unpacked[]): FileType {
  const types: FileType[] = [];
  const names = new Set(parts.map(({ name }) => name));
  if (names.has('[Content_Types].xml')) {
    types.push(
      ...Object.entries(mainParts).flatMap(([name, type]) => (names.has(name) ? [type] : [])),
    );
  }
  const [first] = parts;
  if (first?.name === 'mimetype') {
    const type = openDocuments.get(first.bytes.toString('latin1'));
    if (type !== undefined) types.push(type);
  }
  return types.length === 1 ? (types[0] ?? 'zip') : 'zip';
}

/** Macros of VBA and of XLM, ActiveX, embedded programs, scripts of OpenDocument. */
const activePart = new RegExp(
  `(?:^|/)(?:${[
    'vbaProject[^/]*\\.bin',
    'vbaData\\.xml',
    '(?:macro|dialog)sheets/',
    'activeX/',
    'embeddings/',
    'Basic/',
    'Scripts/',
    'Object ',
  ].join('|')})`,
  'i',
);

/** A relationship to somewhere else that is more than a link to click on. */
function reachesOut(text: string): boolean {
  const all = text.match(/<[^>]*TargetMode\s*=\s*["']External["'][^>]*>/gi) ?? [];
  return all.some((one) => !/Type\s*=\s*["'][^"']*\/hyperlink["']/i.test(one));
}

/** Names of streams of an OLE file stand in its directory as UTF-16. */
function checkOle(bytes: Buffer): void {
  const has = (name: string): boolean => bytes.includes(Buffer.from(name, 'utf16le'));
  if (['EncryptedPackage', 'EncryptionInfo', 'EncryptedSummary'].some(has)) throw encrypted();
  if (isEncryptedBinary(bytes, has)) throw encrypted();
  if (['_VBA_PROJECT', 'VBA', 'Macros', 'Ole10Native', 'ObjectPool'].some(has)) throw active();
}

/** Word's own mark (FIB, fEncrypted) and Excel's (FILEPASS), each at the start of its stream. */
function isEncryptedBinary(bytes: Buffer, has: (name: string) => boolean): boolean {
  const [isWord, isBook] = [has('WordDocument'), has('Workbook')];
  for (let at = blockBytes; at + 12 < bytes.length; at += blockBytes) {
    const word = isWord && bytes.readUInt16LE(at) === 0xa5ec;
    if (word && (bytes.readUInt16LE(at + 10) & 0x0100) !== 0) return true;
    const book = isBook && bytes.readUInt16LE(at) === 0x0809;
    const next = at + 4 + bytes.readUInt16LE(at + 2);
    if (book && next + 2 < bytes.length && bytes.readUInt16LE(next) === 0x002f) return true;
  }
  return false;
}

const blockBytes = 512;

const pdfActive =
  /\/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA|SubmitForm|ImportData|GoToE|AA)(?![A-Za-z])/;

/** Names of a PDF can be written in hexadecimal, and stand in packed streams of objects. */
function checkPdf(bytes: Buffer): void {
  const raw = bytes.toString('latin1');
  const text = plainNames(bytes);
  if (/\/Encrypt(?![A-Za-z])/.test(text)) throw encrypted();
  if (pdfActive.test(text)) throw active();
  let left: number = limits.pdfObjectsBytesMax;
  let streams = 0;
  for (const start of raw.matchAll(/(?<!end)stream\r?\n/g)) {
    // The dictionary stands between the object's start and its stream; a longer one hides something.
    const before = raw.slice(Math.max(0, start.index - dictionaryMax), start.index);
    const object = before.lastIndexOf('obj');
    if (object < 0) throw encrypted();
    const dictionary = plainNames(Buffer.from(before.slice(object), 'latin1'));
    if (!/\/ObjStm(?![A-Za-z])/.test(dictionary)) continue;
    streams += 1;
    if (streams > limits.pdfObjectStreamsMax) throw encrypted();
    const content = inflated(bytes.subarray(start.index + start[0].length), dictionary, left);
    left -= content.length;
    if (pdfActive.test(plainNames(content))) throw active();
  }
}

const dictionaryMax = 8192;

/** Errors: FILE_ENCRYPTED where objects are packed so that we cannot look into them. */
function inflated(packed: Buffer, dictionary: string, most: number): Buffer {
  if (!/\/Filter/.test(dictionary)) return packed.subarray(0, packed.indexOf('endstream'));
  try {
    if (!/\/Filter\s*\[?\s*\/FlateDecode\s*\]?\s*(?:\/|$|>)/.test(dictionary.trimEnd()))
      throw encrypted();
    return inflateSync(packed, { maxOutputLength: Math.max(1, most) });
  } catch {
    throw encrypted();
  }
}

/** Byte by byte, for a file can be full of them. */
function plainNames(bytes: Buffer): string {
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

function encrypted(): SallyportError {
  return new SallyportError(
    'FILE_ENCRYPTED',
    'expected a document that can be looked into, got none',
    {
      hint: 'send the document without password and in a usual form',
    },
  );
}

function active(): SallyportError {
  return new SallyportError('FILE_ACTIVE', 'expected a document without active content, got some', {
    hint: 'send a version without macros, scripts, embedded files and external templates',
  });
}
