/**
 * CSV as records: the header names the members, the schema of a record says their types.
 *
 *   name,age,active          { "name": "…", "age": 41, "active": true }
 *
 * An empty cell is no member; a quoted empty cell is an empty text. On the way out a text that a
 * spreadsheet would run as a formula gets an apostrophe before it, as OWASP advises.
 */
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Json, JsonObject } from '../json.ts';
import { readTyped } from '../pairs.ts';
import { type Schema, typesOf } from '../schema.ts';
import { nameFault } from '../text.ts';
import { type Cell, csvRefused, type Row, readRows } from './csv-rows.ts';
import { joined, pieces, type RecordFormat } from './record.ts';

/**
 * CSV whose rows fit `schema`, an object of plain members. What is written has a column for each
 * of `columns`, in their order; without, for each member of the schema.
 */
export function csvOf(schema: Schema, columns?: readonly string[]): RecordFormat {
  const written = columns ?? Object.keys(schema.properties ?? {});
  return {
    async *records(source) {
      const reader = readRows();
      const records = readRecords(schema);
      for await (const piece of pieces(source)) yield* records.take(reader.push(piece));
      yield* records.take(reader.end());
      records.end();
    },
    write: (records) => joined(linesOf(records, written)),
  };
}

/** All records of a document that is in memory. Errors: CSV_REFUSED. */
export function parseCsv(bytes: Uint8Array, schema: Schema): Json[] {
  const reader = readRows(limits.csvCellsMax);
  const records = readRecords(schema);
  const read = [...records.take(reader.push(bytes)), ...records.take(reader.end())];
  records.end();
  return read;
}

/** Records as text; a column for each name that any of them has, in the order of the schema. */
export function formatCsv(records: readonly Json[], schema: Schema): string {
  const used = new Set(records.flatMap((record) => Object.keys(objectOf(record))));
  const columns = Object.keys(schema.properties ?? {}).filter((name) => used.has(name));
  if (columns.length === 0) return '';
  return formatRow(columns) + records.map((record) => formatRecord(record, columns)).join('');
}

/** What is wrong with the schema of one record, or undefined. */
export function csvFault(schema: Schema | undefined): string | undefined {
  const plain = (node: Schema): boolean =>
    typesOf(node).every((type) => type !== 'object' && type !== 'array');
  const members = Object.values(schema?.properties ?? {});
  if (schema?.type !== 'object' || members.length === 0 || !members.every(plain)) {
    return 'expected an array of objects whose members are plain values';
  }
  if (members.some((node) => node.contentEncoding !== undefined)) {
    return 'expected no file in a cell';
  }
  return undefined;
}

async function* linesOf(
  records: AsyncIterable<Json>,
  columns: readonly string[],
): AsyncGenerator<string> {
  yield formatRow(columns);
  for await (const record of records) yield formatRecord(record, columns);
}

function readRecords(schema: Schema): { take(rows: Row[]): Json[]; end(): void } {
  let columns: { name: string; read: (cell: Cell) => Json | undefined }[] | undefined;
  let row = 0;
  return {
    take(rows) {
      const records: Json[] = [];
      for (const cells of rows) {
        row += 1;
        if (columns === undefined) {
          columns = headerOf(cells).map((name) => ({ name, read: cellReader(schema, name) }));
          continue;
        }
        if (cells.length !== columns.length) throw csvRefused('columns', row);
        const record: Record<string, Json> = {};
        cells.forEach((cell, index) => {
          const column = columns?.[index];
          const value = column?.read(cell);
          if (column !== undefined && value !== undefined) record[column.name] = value;
        });
        records.push(record);
      }
      return records;
    },
    end() {
      if (columns === undefined) throw csvRefused('header', 1);
    },
  };
}

function headerOf(cells: Row): string[] {
  const names = cells.map(({ text }) => text);
  const sound = names.every(
    (name) => name !== '' && name !== '__proto__' && nameFault(name) === undefined,
  );
  if (!sound) throw csvRefused('name', 1);
  if (new Set(names).size !== names.length) throw csvRefused('header', 1);
  return names;
}

function cellReader(schema: Schema, name: string): (cell: Cell) => Json | undefined {
  const properties = schema.properties ?? {};
  const node = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (node === undefined) return ({ text }) => text;
  const types = typesOf(node);
  return ({ text, quoted }) => {
    if (text === '' && !quoted) return types.includes('null') ? null : undefined;
    // A text in quotes is one, where the column may hold texts.
    return quoted && types.includes('string') ? text : readTyped(node, text);
  };
}

function formatRecord(record: Json, columns: readonly string[]): string {
  const members = objectOf(record);
  return formatRow(
    columns.map((name) => (Object.hasOwn(members, name) ? members[name] : undefined)),
  );
}

function formatRow(values: readonly (Json | undefined)[]): string {
  return `${values.map(formatCell).join(',')}\r\n`;
}

/**
 * What a spreadsheet takes for the start of a formula, also in full width: at the start of a text, and within
 * it behind what a spreadsheet of another country, or one that is told so, takes for the end of a cell.
 */
const formula = /(^|[;|\t\r\n])([^\S\t\r\n]*"*[^\S\t\r\n]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;
/** Old spreadsheets run what is behind these, too. */
const control = /^\s*[\t\r]/;

function formatCell(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') return String(value);
  const inside = value.replace(formula, "$1'$2");
  const text = control.test(value) ? `'${inside}` : inside;
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function objectOf(record: Json): JsonObject {
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) {
    return record as JsonObject;
  }
  throw new SallyportError('CSV_REFUSED', 'expected an object for each row, got another value');
}
