/** README.md: its commands exist, and the demo prints what it shows. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, sallyport } from '../demo/command.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { fencesOf } from './fences.ts';
import { looselyEqual } from './loose.ts';

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const readme = read('README.md');
const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];
const scripts: Record<string, string> = JSON.parse(read('package.json')).scripts;

test('a newcomer finds the two commands as they are', () => {
  for (const command of ['npm ci && npm run demo', 'npm ci && npm test']) {
    assert.ok(readme.split('\n').includes(`    ${command}`), command);
  }
});

test('every npm script that a page names exists', () => {
  for (const page of pages) {
    for (const [, name = ''] of read(page).matchAll(/\bnpm run ([a-z][\w:-]*)/g)) {
      assert.ok(name in scripts, `${page}: npm run ${name}`);
    }
  }
});

test('every verb of the command that a page names exists', () => {
  const headings = read('docs/operating/cli.md').matchAll(/^### `sallyport ([a-z ]+)/gm);
  const verbs = ['help', ...[...headings].map(([, verb = '']) => verb.trim())];
  for (const page of pages) {
    for (const [, words = ''] of read(page).matchAll(
      /(?:^ *|[`$/(|] ?)sallyport ([a-z]+(?: [a-z]+)*)/gm,
    )) {
      const known = verbs.some((verb) => `${words} `.startsWith(`${verb} `));
      const group = verbs.some((verb) => verb.startsWith(`${words} `));
      assert.ok(known || group, `${page}: sallyport ${words}`);
    }
  }
});

test('every folder and file that the map names exists', () => {
  const map = readme.slice(readme.indexOf('## Where things are'), readme.indexOf('## Documents'));
  const [rows = ''] = map.split('A node is five');
  const firstCells = [...rows.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell);
  const named = firstCells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)]);
  assert.ok(named.length > 6);
  for (const [, path = ''] of named) assert.ok(existsSync(join(root, path)), path);
});

test('the demo prints what the page shows', async () => {
  const shown = fencesOf(readme).find(({ text }) => text.startsWith('Sallyport demo in '));
  assert.ok(shown, 'the page shows the demo');
  const dir = temporaryFolder();
  const run = await sallyport('demo', '--once', '--hsm', 'soft', '--dir', dir);
  assert.equal(run.code, 0, run.stderr);
  const [, shownDir = ''] = /in (\S+)/.exec(shown.text) ?? [];
  const printed = run.stdout.replaceAll(dir, shownDir);
  if (!looselyEqual(printed, shown.text)) assert.equal(printed, shown.text);
});
