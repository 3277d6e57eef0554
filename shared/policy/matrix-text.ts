/**
 * The matrix of who gets which field, for people: as a table, and as CSV for a spreadsheet. Names and
 * reasons come from the policy; what a reader's program could take for a formula is neutralised.
 */
import type { Matrix } from './access.ts';
import { accessText, type Language, typeWords, words } from './matrix-words.ts';

/** Columns of equal width, one line a field. */
export function matrixTable(matrix: Matrix, language: Language): string {
  const rows = cellsOf(matrix, language);
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ''))),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

/** RFC 4180, UTF-8 with a byte order mark, by which spreadsheets know that it is. */
export function matrixCsv(matrix: Matrix, language: Language): string {
  const lines = cellsOf(matrix, language).map((row) => row.map(csvCell).join(','));
  return `\ufeff${lines.join('\r\n')}`;
}

function cellsOf({ consumers, rows }: Matrix, language: Language): string[][] {
  const text = words[language];
  const head = [text.owner, text.level, text.route, text.call, text.field, text.type];
  return [
    [...head, ...consumers],
    ...rows.map((row) => [
      row.owner,
      text.levels[row.level],
      row.flow,
      `${row.methods.join(' ')} ${row.path}`,
      row.field === '' ? text.noBody : row.field,
      typeWords(row.type, language),
      ...consumers.map((_, column) => accessText(row.access[column], language)),
    ]),
  ];
}

/** Han characters and full-width forms take two columns of a terminal. */
function widthOf(text: string): number {
  return [...text].reduce((sum, one) => sum + (wide.test(one) ? 2 : 1), 0);
}

const wide = /[\p{Script=Han}\u3000-\u303f\uff00-\uff60]/u;

/** A cell that a spreadsheet would take for a formula begins with an apostrophe instead. */
function csvCell(text: string): string {
  const plain = /^[\s]*[=+\-@|]|^[\t\r\n]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
