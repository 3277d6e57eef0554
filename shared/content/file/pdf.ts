/**
 * PDFs that can do something, or that nobody can look into. What they pack in streams of objects is looked
 * at too:
 *
 *   … >> stream ▷ content endstream, then all before the next of these marks ▷ >> stream …
 *                                     └ of objects? packed in the one usual way? ▶ unpack ▶ names in it?
 *
 * Readers find objects by tables of places, so every part of the file counts, of each of its revisions, and
 * where a dictionary begins is not asked: a text in it may look like the begin or the end of one.
 */
import { constants, inflateSync } from 'node:zlib';
import { limits } from '../../limits.ts';
import { createPastGap, plainNames, valuesOf } from './pdf-syntax.ts';
import { endsInDictionary } from './pdf-views.ts';
import { active, encrypted } from './refusals.ts';

const name = (...names: readonly string[]): RegExp =>
  new RegExp(`/(?:${names.join('|')})(?![A-Za-z])`);
const encryptName = name('Encrypt');
const activeName = name(
  ...['JavaScript', 'JS', 'Launch', 'EmbeddedFiles?', 'EF', 'FileAttachment', 'RichMedia'],
  ...['Rendition', 'XFA', 'SubmitForm', 'ImportData', 'GoToE', 'AA'],
);

/** Errors: FILE_ENCRYPTED, FILE_ACTIVE. */
export function checkPdf(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  const named = plainNames(bytes);
  if (encryptName.test(named)) throw encrypted();
  if (activeName.test(named)) throw active();
  let from = 0;
  let left: number = limits.pdfObjectsBytesMax;
  let streams = 0;
  for (const { index, end } of streamsOf(text)) {
    const before = text.slice(from, index);
    // A content may look like anything; it is over at the first of these words, or sooner.
    const structure = from === 0 ? 0 : Math.max(0, before.indexOf('endstream'));
    if (!endsInDictionary(before.slice(structure))) throw encrypted();
    const objects = holdsObjects(plainNames(bytes.subarray(from, index)));
    const lineEnd = /\r?\n/y;
    lineEnd.lastIndex = end;
    const hasLineEnd = lineEnd.test(text);
    from = hasLineEnd ? lineEnd.lastIndex : end;
    if (objects === 'no') continue;
    const packed = bytes.subarray(from);
    if (objects === 'perhaps' && !beginsAsObjects(packed)) continue;
    streams += 1;
    if (!hasLineEnd || streams > limits.pdfObjectStreamsMax) throw encrypted();
    const content = inflated(packed, left);
    left -= content.length;
    if (activeName.test(plainNames(content))) throw active();
  }
}

/** From a dictionary's end, behind which the word comes, perhaps after space and comments, to the word's. */
function* streamsOf(text: string): Iterable<{ index: number; end: number }> {
  const pastGap = createPastGap(text);
  for (let index = text.indexOf('>>'); index >= 0; ) {
    const word = pastGap(index + 2);
    const isStream = text.startsWith('stream', word);
    const end = word + 'stream'.length;
    if (isStream) yield { index, end };
    index = text.indexOf('>>', isStream ? end : index + 1);
  }
}

/** With what may stand behind it. */
const key = (...names: readonly string[]): RegExp =>
  new RegExp(`/(?:${names.join('|')})(?![^\\s\\0%()<>[\\]{}/])`, 'g');
const objectsName = name('ObjStm');
const howMany = key('N');
const whereFirst = key('First');
/** The first of a reference is one too. */
const number = /^[+\-.\d]/;
const direct = /^(?!\d+\s+\d+\s+R)[+\-.\d]/;

/**
 * Readers go by how many objects a stream says it has, and where the first is, not by its type alone.
 * `perhaps`: what says so may as well belong to other objects before. `no` also where nothing is packed: then
 * all of it was looked at. Errors: FILE_ENCRYPTED for all but one pass of deflate without a predictor.
 */
function holdsObjects(dictionary: string): 'yes' | 'perhaps' | 'no' {
  const has = (key: RegExp, kind: RegExp): boolean =>
    valuesOf(dictionary, key).some((value) => kind.test(value));
  const isTyped = objectsName.test(dictionary);
  if (!isTyped && !(has(howMany, number) && has(whereFirst, number))) return 'no';
  const isSure = isTyped || (has(howMany, direct) && has(whereFirst, direct));
  const packings = packingsOf(dictionary);
  if (packings.length === 0) return 'no';
  if (!isSure && packings.every((value) => ofImages.test(value))) return 'no';
  const isPlain = !parameters.test(dictionary);
  if (!isPlain || !packings.every((value) => usual.test(value))) throw encrypted();
  return isSure ? 'yes' : 'perhaps';
}

const parameters = name('DecodeParms', 'DP');
const usual = /^(?:\/FlateDecode|\[\s*\/FlateDecode\s*\])$/;
const ofImages = /^\[?\s*\/(?:DCT|JPX|CCITTFax|JBIG2)Decode\s*\]?$/;
/** Of a signature, say: packs nothing. */
const noPacking = /^\/(?!.*Decode|Crypt|AHx|A85|LZW|Fl$|RL$|CCF|DCT)[\w.-]+$/;

/** Readers take `F` for `Filter`; elsewhere it is a number, or names a file in a text or a dictionary. */
const filter = key('Filter');
const shortFilter = key('F');
const isPacking = /^(?:[/[]|\d+\s+\d+\s+R)/;
const packing = /^(?:\[[^\]]{0,255}\]|\/[^\s/[\]<>()]*)/;

function packingsOf(dictionary: string): string[] {
  const short = valuesOf(dictionary, shortFilter).filter((value) => isPacking.test(value));
  const found = [...valuesOf(dictionary, filter), ...short].map(
    (value) => packing.exec(value)?.[0] ?? '',
  );
  return [...new Set(found)].filter((value) => !noPacking.test(value));
}

/**
 * A stream of objects begins with numbers, two for each, behind space and comments. True also where that
 * alone shows. Errors: FILE_ENCRYPTED.
 */
function beginsAsObjects(packed: Buffer): boolean {
  const begin = inflated(packed.subarray(0, beginBytes), limits.fileBytesMax, true);
  return objectsBegin.test(begin.toString('latin1', 0, 4096));
}

const objectsBegin = /^(?:[\s\0]|%[^\r\n]*(?:[\r\n]|$))*(?:[+\-.\d]|$)/;

/** Packed bytes in which it shows how a content begins. */
const beginBytes = 256;

function inflated(packed: Buffer, most: number, isCut = false): Buffer {
  const finishFlush = isCut ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
  try {
    return inflateSync(packed, { maxOutputLength: Math.max(1, most), finishFlush });
  } catch {
    throw encrypted();
  }
}
