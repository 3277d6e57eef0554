/** NDJSON: one strict JSON text on each line, LF or CRLF, the last line ended or not. */
import { Buffer } from 'node:buffer';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { type Json, parseJson } from '../json.ts';
import { joined, pieces, type RecordFormat } from './record.ts';

export const ndjson: RecordFormat = {
  async *records(source) {
    for await (const lines of cut(source)) yield* lines.map(parseLine);
  },
  write: (records) => joined(linesOf(records)),
  texts: {
    cut,
    async *join(groups) {
      for await (const lines of groups)
        yield Buffer.concat(lines.flatMap((line) => [line, lineFeed]));
    },
  },
};

async function* cut(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  const lines = cutLines();
  for await (const piece of pieces(source)) yield [...lines.push(piece)];
  yield [...lines.end()];
}

/** All records of a document that is in memory, as many as one of JSON may have. Errors: JSON_REFUSED. */
export function parseLines(bytes: Uint8Array): Json[] {
  const records: Json[] = [];
  for (const line of linesIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) {
    if (records.length === limits.jsonMembersMax) throw tooMany();
    records.push(parseLine(line));
  }
  return records;
}

function* linesIn(bytes: Buffer): Generator<Buffer> {
  const lines = cutLines();
  yield* lines.push(bytes);
  yield* lines.end();
}

function tooMany(): SallyportError {
  return new SallyportError(
    'JSON_REFUSED',
    `expected at most ${limits.jsonMembersMax} records in a body, got more`,
    { hint: 'send fewer at a time, or as a file' },
  );
}

/** The record as its line. */
export function formatLine(record: Json): string {
  return `${JSON.stringify(record)}\n`;
}

async function* linesOf(records: AsyncIterable<Json>): AsyncGenerator<string> {
  for await (const record of records) yield formatLine(record);
}

/** Cuts pieces into lines; what is behind the last line end waits for the next piece. */
function cutLines(): { push(piece: Buffer): Iterable<Buffer>; end(): Iterable<Buffer> } {
  let rest: Buffer = Buffer.alloc(0);
  return {
    *push(piece) {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      let from = 0;
      for (let end = bytes.indexOf(lineEnd); end >= 0; end = bytes.indexOf(lineEnd, from)) {
        yield bounded(bytes.subarray(from, end));
        from = end + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > limits.recordBytesMax) throw tooLong();
    },
    *end() {
      if (rest.length > 0) yield rest;
    },
  };
}

const lineEnd = 0x0a;
const lineFeed = Buffer.of(lineEnd);

/** An empty line is no JSON text: it is refused, as is a bare CR by the parser's own space. */
function parseLine(line: Buffer): Json {
  return parseJson(line, limits.recordBytesMax);
}

function bounded(line: Buffer): Buffer {
  if (line.length > limits.recordBytesMax) throw tooLong();
  return line;
}

function tooLong(): SallyportError {
  return new SallyportError(
    'JSON_REFUSED',
    `expected records of at most ${limits.recordBytesMax} bytes, got a longer one`,
    { hint: 'one record stands on one line' },
  );
}
