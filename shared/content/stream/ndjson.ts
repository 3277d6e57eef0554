/** NDJSON: one strict JSON text on each line, LF or CRLF, the last line ended or not. */
import { Buffer } from 'node:buffer';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { type Json, parseJson } from '../json.ts';
import { joined, pieces, type RecordFormat } from './record.ts';

export const ndjson: RecordFormat = {
  async *records(source) {
    const lines = readLines();
    for await (const piece of pieces(source)) yield* lines.push(piece);
    yield* lines.end();
  },
  write: (records) => joined(linesOf(records)),
};

/** All records of a document that is in memory. Errors: JSON_REFUSED. */
export function parseLines(bytes: Uint8Array): Json[] {
  const lines = readLines();
  return [...lines.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)), ...lines.end()];
}

/** The record as its line. */
export function formatLine(record: Json): string {
  return `${JSON.stringify(record)}\n`;
}

async function* linesOf(records: AsyncIterable<Json>): AsyncGenerator<string> {
  for await (const record of records) yield formatLine(record);
}

/** Cuts pieces into lines; what is behind the last line end waits for the next piece. */
function readLines(): { push(piece: Buffer): Iterable<Json>; end(): Iterable<Json> } {
  let rest: Buffer = Buffer.alloc(0);
  return {
    *push(piece) {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      let from = 0;
      for (let end = bytes.indexOf(lineEnd); end >= 0; end = bytes.indexOf(lineEnd, from)) {
        yield parseLine(bytes.subarray(from, end));
        from = end + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > limits.recordBytesMax) throw tooLong();
    },
    *end() {
      if (rest.length > 0) yield parseLine(rest);
    },
  };
}

const lineEnd = 0x0a;

/** An empty line is no JSON text: it is refused, as is a bare CR by the parser's own space. */
function parseLine(line: Buffer): Json {
  if (line.length > limits.recordBytesMax) throw tooLong();
  return parseJson(line, limits.recordBytesMax);
}

function tooLong(): SallyportError {
  return new SallyportError(
    'JSON_REFUSED',
    `expected records of at most ${limits.recordBytesMax} bytes, got a longer one`,
    { hint: 'one record stands on one line' },
  );
}
