/**
 * PDFs that can do something, or that nobody can look into. What they pack in streams of objects is looked
 * at too:
 *
 *   … stream ▷ all between two of these marks ▷ stream …
 *      └ of objects? packed in the one usual way? ▶ unpack ▶ what names are in it?
 *
 * Where a dictionary begins is not asked: a text in it may look like the begin or the end of one.
 */
import { inflateSync } from 'node:zlib';
import { limits } from '../../limits.ts';
import { active, encrypted } from './refusals.ts';

const activeName =
  /\/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA|SubmitForm|ImportData|GoToE|AA)(?![A-Za-z])/;
const mark = /(?<!end)stream(\r?\n)?/g;

/** Errors: FILE_ENCRYPTED, FILE_ACTIVE. */
export function checkPdf(bytes: Buffer): void {
  const text = bytes.toString('latin1');
  const named = plainNames(bytes);
  if (/\/Encrypt(?![A-Za-z])/.test(named)) throw encrypted();
  if (activeName.test(named)) throw active();
  let from = 0;
  let left: number = limits.pdfObjectsBytesMax;
  let streams = 0;
  for (const { 0: word, 1: lineEnd, index } of text.matchAll(mark)) {
    const before = plainNames(bytes.subarray(from, index));
    from = index + word.length;
    if (!holdsObjects(before) || !isPacked(before)) continue;
    streams += 1;
    if (lineEnd === undefined || streams > limits.pdfObjectStreamsMax) throw encrypted();
    const content = inflated(bytes.subarray(from), left);
    left -= content.length;
    if (activeName.test(plainNames(content))) throw active();
  }
}

/** Readers go by how many objects a stream says it has, and where the first is, not by its type alone. */
function holdsObjects(dictionary: string): boolean {
  const counts = /\/N\s*\d+(?!\d|\s+\d+\s+R)/.test(dictionary);
  const begins = /\/First\s*\d+(?!\d|\s+\d+\s+R)/.test(dictionary);
  return /\/ObjStm(?![A-Za-z])/.test(dictionary) || (counts && begins);
}

const filter = /\/Filter(?![A-Za-z])\s*(\[[^\]]{0,256}\]|\/[^\s/[\]<>()]*)?/g;
const usual = /^(?:\/FlateDecode|\[\s*\/FlateDecode\s*\])$/;
/** Of a signature, say: packs nothing. */
const noPacking = /^\/(?!.*Decode|Crypt|AHx|A85|LZW|Fl$|RL$|CCF|DCT)[\w.-]+$/;

/**
 * False where nothing is packed: then all of it was looked at. Errors: FILE_ENCRYPTED for all but one pass
 * of deflate without a predictor.
 */
function isPacked(dictionary: string): boolean {
  const found = Array.from(dictionary.matchAll(filter), ([, value = '']) => value);
  const packings = found.filter((value) => !noPacking.test(value));
  if (packings.length === 0) return false;
  const isPlain = !/\/(?:DecodeParms|DP)(?![A-Za-z])/.test(dictionary);
  if (!isPlain || !packings.every((value) => usual.test(value))) throw encrypted();
  return true;
}

function inflated(packed: Buffer, most: number): Buffer {
  try {
    return inflateSync(packed, { maxOutputLength: Math.max(1, most) });
  } catch {
    throw encrypted();
  }
}

/** Names can be written in hexadecimal. Byte by byte, for a file can be full of them. */
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
