/** The table of errors, its page in the documentation, and the tests that provoke each error. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorTable } from '@sallyport/shared/errors.ts';

const root = join(import.meta.dirname, '..');

interface DocumentedRow {
  readonly code: string;
  readonly status: number;
  readonly outcome: string;
}

function documentedRows(): DocumentedRow[] {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const rows: DocumentedRow[] = [];
  for (const line of page.split('\n')) {
    if (!/^\| [A-Z]+(_[A-Z]+)* /.test(line)) continue;
    const cells = line.split('|').map((cell) => cell.trim());
    const [, code = '', status, outcome = '', meaning = '', action = '', end] = cells;
    assert.equal(end, '', `${code}: five cells`);
    assert.ok(meaning.length > 15, `${code}: expected a meaning`);
    assert.ok(action.length > 5, `${code}: expected what the operator does`);
    rows.push({ code, status: Number(status), outcome });
  }
  return rows;
}

test('docs/errors.md has each code once, with its status and outcome, and no other', () => {
  const documented = documentedRows().sort((a, b) => a.code.localeCompare(b.code));
  const inTable = Object.entries(errorTable)
    .map(([code, { status, outcome }]) => ({ code, status, outcome }))
    .sort((a, b) => a.code.localeCompare(b.code));
  assert.deepEqual(documented, inTable);
});

test('what may cross the boundary is short, lower-case and without detail', () => {
  for (const [code, { text }] of Object.entries(errorTable)) {
    assert.match(text, /^[a-z][A-Za-z ]{8,60}$/, code);
  }
});

test('every code is provoked by at least one test', () => {
  const files = globSync('test/**/*.{ts,json,vector}', { cwd: root });
  const words = new Set<string>();
  for (const file of files.filter((one) => one !== 'test/errors.test.ts')) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [word] of text.matchAll(/\b[A-Z]+(?:_[A-Z]+)*\b/g)) words.add(word);
  }
  const missing = Object.keys(errorTable).filter((code) => !words.has(code));
  assert.deepEqual(missing, []);
});

/** An operator who meets one of these stands before a file or a peer, and has to know what to do. */
const hinted = ['CERTIFICATE_REFUSED', 'TRUST_FILE_INVALID'];
test(`wherever ${hinted.join(' or ')} is raised a hint says what to do next`, () => {
  const raised = new RegExp(`new SallyportError\\(\\s*'(?:${hinted.join('|')})'.*?;\\n`, 'gs');
  const files = globSync('{cli,hsm,inner-node,installer,outer-node,shared}/**/*.ts', { cwd: root });
  const places = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(raised)].map(([text]) => ({ file, text })),
  );
  assert.ok(places.length > 10, `got ${places.length}`);
  assert.deepEqual(
    places.filter(({ text }) => !/\bhint\b/.test(text)),
    [],
  );
});
