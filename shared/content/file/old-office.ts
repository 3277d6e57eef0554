/**
 * Old binary documents of Office: passwords and macros of VBA by the names of their streams and the start of
 * the main one, macro sheets of Excel 4.0 by the list of the sheets.
 */
import { entriesOf } from './compound.ts';
import { active, encrypted } from './refusals.ts';

/** Errors: FILE_ENCRYPTED, also where it cannot be followed, FILE_ACTIVE. */
export function checkOldOffice(bytes: Buffer): void {
  const entries = entriesOf(bytes);
  if (entries.some(({ name }) => closedName.test(name))) throw encrypted();
  const mains = entries.flatMap((entry) => {
    const check = mainStreams.get(entry.name);
    return check === undefined ? [] : [{ entry, check }];
  });
  // A book may be there in two versions; more are documents in the document.
  if (mains.length > 2) throw active();
  for (const { entry, check } of mains) check(entry.read());
  if (entries.some(({ name }) => activeName.test(name))) throw active();
}

const closedName = /ENCRYPTEDPACKAGE|ENCRYPTIONINFO|ENCRYPTEDSUMMARY/;
/** The last two: a message of Outlook with what is attached, a table of a package of Windows Installer. */
const activeName = /VBA|^MACROS$|OLE10NATIVE|OBJECTPOOL|^__PROPERTIES_VERSION1\.0$|^\u4840/;

const mainStreams: ReadonlyMap<string, (stream: Buffer) => void> = new Map([
  ['WORDDOCUMENT', checkText],
  ['WORKBOOK', checkBook],
  ['BOOK', checkBook],
  ['POWERPOINT DOCUMENT', checkSlides],
]);

/** The start of Word's own stream (FIB, fEncrypted). */
function checkText(stream: Buffer): void {
  if (stream.length < 12 || (stream.readUInt16LE(10) & 0x0100) !== 0) throw encrypted();
}

/** Macros and what is embedded are packed in this one stream, so that no name in them shows. */
function checkSlides(stream: Buffer): void {
  if (packedObject.test(stream.toString('latin1'))) throw active();
}

/** Head of a packed ExternalOleObjectStg (MS-PPT), its two lengths, the start of what zlib packs. */
const packedObject = /\x10\0\x11\x10[\s\S]{8}[\x08\x18\x28\x38\x48\x58\x68\x78]/;

/** Records are a type, a length and that many bytes; the heads of records are never encrypted. */
function checkBook(stream: Buffer): void {
  if (beginOf(stream, 0) !== wholeBook) throw encrypted();
  for (let at = 0; at + 4 <= stream.length; at += 4 + stream.readUInt16LE(at + 2)) {
    const type = stream.readUInt16LE(at);
    if (type === filePass) throw encrypted();
    if (type === boundSheet) checkSheet(stream, at + 4);
    if (type === endOfPart) return;
  }
  throw encrypted();
}

/** What the list says of a sheet, and what the sheet itself says, where the list says that it begins. */
function checkSheet(stream: Buffer, at: number): void {
  if (at + 6 > stream.length) throw encrypted();
  const listed = stream.readUInt8(at + 5);
  const own = beginOf(stream, stream.readUInt32LE(at));
  if (own === undefined) throw encrypted();
  if (!sheetTypes.has(listed) || !sheetBegins.has(own)) throw active();
}

/** What begins there, by the record that everything begins with. */
function beginOf(stream: Buffer, at: number): number | undefined {
  if (at + 8 > stream.length || stream.readUInt16LE(at) !== beginOfPart) return undefined;
  return stream.readUInt16LE(at + 6);
}

const beginOfPart = 0x0809;
const endOfPart = 0x000a;
const filePass = 0x002f;
const boundSheet = 0x0085;
const wholeBook = 0x0005;
/** Worksheet and chart; others are macro sheets and modules. */
const sheetTypes: ReadonlySet<number> = new Set([0, 2]);
const sheetBegins: ReadonlySet<number> = new Set([0x0010, 0x0020]);
