/**
 * The matrix as one page, without scripts and without anything from elsewhere: first how much each
 * consumer gets of each route, then every field. It can be read without colours, on paper too.
 */
import type { Access, Matrix, MatrixRow } from './access.ts';
import { pageStyle } from './matrix-style.ts';
import { type Language, maskWords, momentText, typeWords, words } from './matrix-words.ts';

export function matrixHtml(matrix: Matrix, language: Language): string {
  const text = words[language];
  const routes = [...Map.groupBy(matrix.rows, ({ flow }) => flow).values()];
  const exceptions = matrix.rows.flatMap(({ access }) => access.filter(isException)).length;
  const fields = matrix.rows.filter(({ field }) => field !== '').length;
  const counts = [
    [routes.length, text.routes],
    [fields, text.fields],
    [matrix.consumers.length, text.consumers],
    [exceptions, text.exceptions],
  ] as const;
  return [
    '<!doctype html>',
    `<html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width">',
    `<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">`,
    `<title>${text.title}</title><style>${pageStyle}</style></head><body>`,
    `<header><h1>${text.title}</h1>`,
    `<p>${text.asOf} <time>${momentText(matrix.atMs)}</time> · ${text.levelNote}</p>`,
    `<ul class="counts">${counts.map(([count, name]) => countItem(count, name)).join('')}</ul>`,
    `<ul class="legend">${kinds.map((kind) => `<li>${mark(kind)} ${text[kind]}</li>`).join('')}</ul>`,
    '</header>',
    overview(matrix, routes, language),
    ...routes.map((rows) => routeSection(matrix, rows, language)),
    '</body></html>',
  ].join('\n');
}

const kinds = ['clear', 'masked', 'unmasked', 'may', 'none'] as const;
const isException = ({ kind }: Access): boolean => kind === 'unmasked';
const countItem = (count: number, name: string): string => `<li>${name} <b>${count}</b></li>`;

/** A sign for each kind, so that nobody needs to tell colours apart. */
const signs = { clear: '●', masked: '◐', unmasked: '▲', may: '✓', none: '–' } as const;
const mark = (kind: Access['kind']): string =>
  `<i class="${kind}" aria-hidden="true">${signs[kind]}</i>`;

function overview({ consumers }: Matrix, routes: readonly MatrixRow[][], language: Language) {
  const text = words[language];
  const head = [text.route, text.level, ...consumers];
  const body = routes.map((rows) => {
    const [first] = rows;
    if (first === undefined) return '';
    const cells = consumers.map((_, column) => summary(rows, column, language)).join('');
    const names = `${code(first.flow)}<small>${escaped(first.owner)}</small>`;
    const route = `<th scope="row" class="first">${names}</th>`;
    return `<tr>${route}<td>${levelBadge(first, language)}</td>${cells}</tr>`;
  });
  return section(`<h2>${text.overview}</h2>`, head, body);
}

/** How many fields of a route a consumer gets in which way. */
function summary(rows: readonly MatrixRow[], column: number, language: Language): string {
  const got = rows.map(({ access }) => access[column]?.kind ?? 'none');
  const counted = kinds.flatMap((kind) => {
    const count = got.filter((one) => one === kind).length;
    if (count === 0 || kind === 'none') return [];
    const amount = kind === 'may' ? '' : `${count} `;
    return [`<span>${mark(kind)} ${amount}${words[language][kind]}</span>`];
  });
  const callable = rows[0]?.calls[column] === true;
  const rest = callable ? `${mark('may')} ${words[language].may}` : noneMark(language);
  return `<td class="sum">${counted.length > 0 ? counted.join('') : rest}</td>`;
}

function routeSection({ consumers }: Matrix, rows: readonly MatrixRow[], language: Language) {
  const text = words[language];
  const [first] = rows;
  if (first === undefined) return '';
  const call = `${first.methods.map((method) => `<b>${method}</b>`).join(' ')} ${code(first.path)}`;
  const title = `<h2>${escaped(first.flow)} ${levelBadge(first, language)}</h2>`;
  const about = `<p>${call} <small>${text.owner}${text.colon}${escaped(first.owner)}</small></p>`;
  const body = rows.map((row) => {
    const field = row.field === '' ? text.noBody : code(row.field);
    const type = `<small>${escaped(typeWords(row.type, language))}</small>`;
    const cells = consumers.map((_, column) => accessCell(row.access[column], language));
    return `<tr><th scope="row">${field}${type}</th>${cells.join('')}</tr>`;
  });
  return section(`${title}${about}`, [text.field, ...consumers], body);
}

function accessCell(access: Access = { kind: 'none' }, language: Language): string {
  const text = words[language];
  const { kind } = access;
  if (kind === 'none') return `<td>${noneMark(language)}</td>`;
  if (kind === 'masked') {
    return `<td class="masked">${mark(kind)} ${escaped(maskWords(access.mask, language))}</td>`;
  }
  if (kind !== 'unmasked') return `<td class="${kind}">${mark(kind)} ${text[kind]}</td>`;
  const until = `${text.until} ${momentText(access.untilMs)}`;
  const why = `<small>${escaped(`${access.reason}, ${text.approver} ${access.approver}`)}</small>`;
  return `<td class="unmasked">${mark(kind)} <b>${text.unmasked}</b> ${until}${why}</td>`;
}

/** A dash for eyes, words for whoever hears the page. */
function noneMark(language: Language): string {
  return `<span class="none" role="img" aria-label="${words[language].none}">–</span>`;
}

function levelBadge({ level }: MatrixRow, language: Language): string {
  return `<span class="level ${level}">${words[language].levels[level]}</span>`;
}

function section(title: string, head: readonly string[], body: readonly string[]): string {
  const header = head.map((cell) => `<th scope="col"><span>${escaped(cell)}</span></th>`).join('');
  const rows = `<thead><tr>${header}</tr></thead><tbody>\n${body.join('\n')}\n</tbody>`;
  const columns = head.length - 1;
  const many = columns < columnsAcross ? '' : ` class="many" style="--columns:${columns}"`;
  return `<section>${title}<div class="wide"><table${many}>${rows}</table></div></section>`;
}

/** Of more columns the names stand upright. */
const columnsAcross = 9;

const code = (text: string): string => `<code>${escaped(text)}</code>`;

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
