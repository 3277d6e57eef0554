/** What the documents point at exists, and what they list is complete. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const documents = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));

test('every relative link leads to a file', () => {
  const faults: string[] = [];
  for (const file of documents) {
    for (const [, target = ''] of read(file).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(root, dirname(file), target))) faults.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('every test that a document names is there', () => {
  const faults: string[] = [];
  for (const file of documents) {
    for (const [path] of read(file).matchAll(/\btest\/[\w./-]+\.test\.ts\b/g)) {
      if (!existsSync(join(root, path))) faults.push(`${file}: ${path}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('every row of threats and requirements names a test or says "not yet"', () => {
  for (const file of ['docs/threat-model.md', 'docs/requirements.md']) {
    const rows = read(file)
      .split('\n')
      .filter((line) => /^\| [\w]+\d+ /.test(line) || /^\| \d/.test(line));
    assert.ok(rows.length > 10, file);
    for (const row of rows) assert.match(row, /test\/[\w./-]+|not yet/, row.slice(0, 60));
  }
});

test('all 66 requirements are there, in order', () => {
  const numbers: number[] = [];
  for (const line of read('docs/requirements.md').split('\n')) {
    const [, first, last] = /^\| (\d+)(?:-(\d+))? \|/.exec(line) ?? [];
    if (first === undefined) continue;
    for (let at = Number(first); at <= Number(last ?? first); at++) numbers.push(at);
  }
  assert.deepEqual(
    numbers,
    Array.from({ length: 66 }, (_, at) => at + 1),
  );
});

test('each runtime dependency is listed with its version, and no other', () => {
  const wanted: string[] = [];
  for (const file of ['package.json', ...globSync('*/package.json', { cwd: root })]) {
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(read(file));
    for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies })) {
      if (!name.startsWith('@sallyport/')) wanted.push(`${name} ${version}`);
    }
  }
  const listed = read('docs/decisions/dependencies.md').matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm);
  assert.deepEqual([...listed].map(([, name, version]) => `${name} ${version}`).sort(), [
    ...new Set(wanted.sort()),
  ]);
});
