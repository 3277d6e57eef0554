/**
 * Long documents as records, one after the other, in bounded memory: a line of NDJSON, an item of a
 * JSON array, a row of CSV.
 *
 *   source ▶ records ▶ (check, mask) ▶ write ▶ bytes
 *
 * A fault in the middle ends the reading with an error when what came before has been handed on
 * already: whoever writes to a file writes under a temporary name and keeps it only at the end.
 */
import { Buffer } from 'node:buffer';
import { limits } from '../../limits.ts';
import type { Json } from '../json.ts';

/** One way to write records as bytes. */
export interface RecordFormat {
  /**
   * The records of untrusted bytes. Errors, thrown where the record is reached: JSON_REFUSED,
   * CSV_REFUSED.
   */
  records(source: AsyncIterable<Uint8Array>): AsyncIterable<Json>;
  /** The records written anew, in pieces of about `recordPieceBytes`. Trusted values. */
  write(records: AsyncIterable<Json>): AsyncIterable<Buffer>;
  /** Where each record is a JSON text: the same, without parsing it. */
  readonly texts?: RecordTexts;
}

/** Records as they stand, as many at a time as one piece of the source ends. */
export interface RecordTexts {
  /** Cut out of untrusted bytes, and not looked into. Errors: JSON_REFUSED. */
  cut(source: AsyncIterable<Uint8Array>): AsyncIterable<readonly Buffer[]>;
  /** Written as `write` would. Trusted texts. */
  join(groups: AsyncIterable<readonly Uint8Array[]>): AsyncIterable<Buffer>;
}

/** Pieces of at least `recordPieceBytes`, whatever the source gives: small ones cost too much. */
export async function* pieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of source) {
    parts.push(part);
    bytes += part.length;
    if (bytes < limits.recordPieceBytes) continue;
    yield Buffer.concat(parts, bytes);
    [parts, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(parts, bytes);
}

/** Texts joined into pieces of about `recordPieceBytes`. */
export async function* joined(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let text = '';
  for await (const next of texts) {
    text += next;
    if (text.length < limits.recordPieceBytes) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}
