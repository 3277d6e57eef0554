/**
 * CSV as rows of cells (RFC 4180): commas, quotes only around a whole cell and doubled within it,
 * rows that end in CRLF or LF. What another reader could take for something else is refused.
 */
import { TextDecoder } from 'node:util';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';

/** Why CSV is refused; in the message of the error, never with a piece of the text. */
export type CsvRule =
  | 'utf-8'
  | 'byte-order-mark'
  | 'quote'
  | 'control'
  | 'row-length'
  | 'columns'
  | 'cells'
  | 'header'
  | 'name';

/** A cell without quotes that is empty can mean that there is no value; `quoted` tells it apart. */
export interface Cell {
  readonly text: string;
  readonly quoted: boolean;
}

export type Row = readonly Cell[];

export interface RowReader {
  /** Whole rows of all that came so far. Errors: CSV_REFUSED. */
  push(piece: Uint8Array): Row[];
  /** The row that no line end closed. Errors: CSV_REFUSED. */
  end(): Row[];
}

/**
 * Reads untrusted bytes that come in pieces; give it pieces of some size: see `pieces`. `cellsMax`: of all
 * rows together, empty ones too.
 */
export function readRows(cellsMax: number = Number.POSITIVE_INFINITY): RowReader {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  let row = 0;
  let cells = 0;
  const decode = (piece?: Uint8Array): string => {
    try {
      return piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true });
    } catch {
      throw csvRefused('utf-8', row + 1);
    }
  };
  const take = (fresh: string, last: boolean): Row[] => {
    const text = rest + fresh;
    if (row === 0 && text.startsWith('\ufeff')) throw csvRefused('byte-order-mark', 1);
    const rows: Row[] = [];
    let at = 0;
    while (at < text.length) {
      const read = readRow(text, at, last, row + 1);
      if (read === undefined) break;
      if (read.next - at > limits.recordBytesMax) throw csvRefused('row-length', row + 1);
      cells += read.cells.length;
      if (cells > cellsMax) throw csvRefused('cells', row + 1);
      rows.push(read.cells);
      at = read.next;
      row += 1;
    }
    rest = text.slice(at);
    if (rest.length > limits.recordBytesMax) throw csvRefused('row-length', row + 1);
    return rows;
  };
  return {
    push: (piece) => take(decode(piece), false),
    end: () => take(decode(), true),
  };
}

export function csvRefused(rule: CsvRule, row: number): SallyportError {
  return new SallyportError(
    'CSV_REFUSED',
    `expected strict CSV, got a break of ${rule} in row ${row}`,
    {
      hint: 'send UTF-8 CSV as RFC 4180 has it, with a header, within the limits',
    },
  );
}

const quote = '"';
const quoteCode = 0x22;
const delimiter = /[,\r\n]/g;
/** Cc, but what CSV itself uses and a tab. */
const control = /[\p{Cc}--[\t\r\n]]/v;

/** The row at `from`; undefined where its end has not come yet. */
function readRow(
  text: string,
  from: number,
  last: boolean,
  row: number,
): { cells: Cell[]; next: number } | undefined {
  const cells: Cell[] = [];
  let at = from;
  for (;;) {
    const quoted = text[at] === quote;
    const end = quoted ? endOfQuoted(text, at + 1) : endOfPlain(text, at);
    // A quote at the very end of a piece may be half of a doubled one.
    if (end === undefined || (end + (quoted ? 1 : 0) >= text.length && !last)) {
      if (last) throw csvRefused('quote', row);
      return undefined;
    }
    const cell = text.slice(quoted ? at + 1 : at, end);
    if (!quoted && cell.includes(quote)) throw csvRefused('quote', row);
    if (control.test(cell)) throw csvRefused('control', row);
    cells.push({ text: quoted ? cell.replaceAll('""', quote) : cell, quoted });
    if (cells.length > limits.csvColumnsMax) throw csvRefused('columns', row);
    at = quoted ? end + 1 : end;
    if (text[at] === ',') {
      at += 1;
      continue;
    }
    const next = endOfLine(text, at, last);
    if (next === undefined) return undefined;
    if (next < 0) throw csvRefused(quoted ? 'quote' : 'control', row);
    return { cells, next };
  }
}

/** Where the closing quote stands. */
function endOfQuoted(text: string, from: number): number | undefined {
  for (let at = from; at < text.length; at += 1) {
    if (text.charCodeAt(at) !== quoteCode) continue;
    if (text.charCodeAt(at + 1) !== quoteCode) return at;
    at += 1;
  }
  return undefined;
}

function endOfPlain(text: string, from: number): number {
  delimiter.lastIndex = from;
  return delimiter.exec(text)?.index ?? text.length;
}

/** The start of the next row; -1 where no line ends here, undefined where a CR waits for its LF. */
function endOfLine(text: string, at: number, last: boolean): number | undefined {
  if (at >= text.length) return at;
  if (text[at] === '\n') return at + 1;
  if (text[at] !== '\r') return -1;
  if (text[at + 1] === '\n') return at + 2;
  return at + 1 >= text.length && !last ? undefined : -1;
}
