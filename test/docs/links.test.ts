/** Links to a place inside a document lead to one of its headings. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The name that a heading gets where documents are shown: lower case, hyphens for spaces. */
const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

test('every link into a document leads to a heading', () => {
  let count = 0;
  for (const page of pages) {
    for (const [, file = '', place = ''] of read(page).matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)) {
      const target = file === '' ? page : join(dirname(page), file);
      const headings = [...read(target).matchAll(/^#+ (.+)$/gm)].map(([, it = '']) => slug(it));
      assert.ok(headings.includes(place), `${page}: ${file}#${place}`);
      count += 1;
    }
  }
  assert.ok(count > 5, 'links were found');
});
