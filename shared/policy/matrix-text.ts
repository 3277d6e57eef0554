/**
 * The matrix of who gets which field, for people: as a table, as CSV for a spreadsheet, as one HTML page.
 * Names and reasons come from the policy; what a reader's program could take for a formula or for markup
 * is neutralised.
 */
import { type Access, type Matrix, maskText } from './access.ts';

export type Language = 'en' | 'zh';

const labels = {
  en: {
    title: 'Who gets which field',
    owner: 'Owner',
    level: 'Level',
    route: 'Route',
    call: 'Call',
    field: 'Field',
    type: 'Type',
    none: 'not at all',
    clear: 'clear',
    masked: 'masked',
    unmasked: 'UNMASKED',
    until: 'until',
    approver: 'approved by',
    asOf: 'As of',
    noBody: '(no body)',
    levels: { core: 'core', important: 'important', general: 'general' },
    levelNote: 'Levels of GB/T 43697.',
  },
  zh: {
    title: '数据分级与字段授权矩阵',
    owner: '责任部门',
    level: '数据级别',
    route: '路由',
    call: '调用',
    field: '字段',
    type: '类型',
    none: '不提供',
    clear: '明文',
    masked: '脱敏',
    unmasked: '例外明文',
    until: '截止',
    approver: '批准人',
    asOf: '截至',
    noBody: '(无响应体)',
    levels: { core: '核心', important: '重要', general: '一般' },
    levelNote: '数据级别依据 GB/T 43697。',
  },
} as const;

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

/** One page without scripts and without anything from elsewhere. */
export function matrixHtml(matrix: Matrix, language: Language): string {
  const text = labels[language];
  const [head = [], ...rows] = cellsOf(matrix, language);
  const fixed = head.length - matrix.consumers.length;
  const header = head.map((cell) => `<th>${escaped(cell)}</th>`).join('');
  const body = rows.map((row, index) => {
    const access = matrix.rows[index]?.access ?? [];
    const cells = row.map((cell, column) => {
      const kind = column < fixed ? matrix.rows[index]?.level : access[column - fixed]?.kind;
      const mark = column < fixed && column !== 1 ? '' : ` class="${kind ?? 'none'}"`;
      return `<td${mark}>${escaped(cell)}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  const moment = new Date(matrix.atMs).toISOString();
  return [
    '<!doctype html>',
    `<html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8">`,
    `<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">`,
    `<title>${text.title}</title><style>${style}</style></head><body>`,
    `<h1>${text.title}</h1><p>${text.asOf} ${moment}. ${text.levelNote}</p>`,
    `<table><thead><tr>${header}</tr></thead><tbody>`,
    ...body,
    '</tbody></table></body></html>',
  ].join('\n');
}

function cellsOf({ consumers, rows }: Matrix, language: Language): string[][] {
  const text = labels[language];
  const head = [text.owner, text.level, text.route, text.call, text.field, text.type];
  return [
    [...head, ...consumers],
    ...rows.map((row) => [
      row.owner,
      text.levels[row.level],
      row.flow,
      `${row.methods.join(' ')} ${row.path}`,
      row.field === '' ? text.noBody : row.field,
      row.type,
      ...consumers.map((_, column) => accessText(row.access[column], language)),
    ]),
  ];
}

function accessText(access: Access | undefined, language: Language): string {
  const text = labels[language];
  if (access === undefined) return '';
  switch (access.kind) {
    case 'none':
      return text.none;
    case 'clear':
      return text.clear;
    case 'masked':
      return `${text.masked}: ${maskText(access.mask)}`;
    case 'unmasked': {
      const day = new Date(access.untilMs).toISOString();
      const who = `${text.approver} ${access.approver}`;
      return `${text.unmasked} ${text.until} ${day}, ${access.reason}, ${who}`;
    }
  }
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

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => entities[one] ?? '');
}

const contentPolicy = "default-src 'none'; style-src 'unsafe-inline'";
const style = [
  'body{font:14px system-ui,sans-serif;margin:2em;color:#1f2328}',
  'table{border-collapse:collapse}th,td{border:1px solid #d0d7de;padding:4px 8px;text-align:left}',
  'th{background:#f6f8fa;position:sticky;top:0}',
  '.core{background:#ffd8d3}.important{background:#fff1c9}.general{background:#e6f4ea}',
  '.none{color:#6e7781}.masked{background:#ddf4ff}.clear{background:#e6f4ea}',
  '.unmasked{background:#cf222e;color:#fff;font-weight:bold}',
].join('');
