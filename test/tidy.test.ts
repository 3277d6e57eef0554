/** Rules of the house that no linter knows: who may import whom, sizes, banned names. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const linesMax = 320;
/** A list of names and numbers that grows with the product: there is nothing in it to take apart. */
const oneList = 'shared/limits.ts';
const columnsMax = 110;

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file.endsWith('.ts') && existsSync(join(root, file)));
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

/** Folder → folders it may import from (besides itself). */
const mayImport: Record<string, readonly string[]> = {
  shared: [],
  hsm: ['shared'],
  'outer-node': ['shared', 'hsm'],
  'inner-node': ['shared', 'hsm'],
  cli: ['shared', 'hsm', 'outer-node', 'inner-node', 'examples'],
  installer: ['shared', 'hsm', 'cli'],
  examples: ['shared'],
  bench: ['shared', 'hsm', 'outer-node', 'inner-node', 'cli', 'examples'],
  test: ['shared', 'hsm', 'outer-node', 'inner-node', 'cli', 'installer', 'examples', 'bench'],
};

/** Parts of shared/ that stay pure: no node:fs, no node:net, no store, no process. */
const pure = ['accounts', 'package', 'x509', 'policy', 'masking', 'content', 'exchange'];
const impure = /^node:(fs|net|http|https|tls|child_process|dgram|worker_threads)/;

function importsOf(file: string): string[] {
  const found = [
    ...text(file).matchAll(
      /(?:^(?:import|export|\})(?:[^'\n]* from)? |\bimport\()'([\w@./:-]+)'/gm,
    ),
  ];
  return found.map((match) => match[1] ?? '');
}

function targetFolder(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('@sallyport/')) return specifier.split('/')[1];
  if (!specifier.startsWith('.')) return undefined;
  return normalize(join(dirname(file), specifier)).split('/')[0];
}

test('imports point one way', () => {
  const faults: string[] = [];
  for (const file of files) {
    const from = file.split('/')[0] ?? '';
    const allowed = mayImport[from];
    if (!allowed) continue;
    for (const specifier of importsOf(file)) {
      const to = targetFolder(file, specifier);
      if (to === undefined || to === from || allowed.includes(to)) continue;
      faults.push(`${file} imports ${specifier}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('pure parts of shared reach for no input or output', () => {
  const faults: string[] = [];
  for (const file of files) {
    const [folder, part] = file.split('/');
    if (folder !== 'shared' || !pure.includes(part ?? '') || file.includes('/adapter/')) continue;
    for (const specifier of importsOf(file)) {
      if (impure.test(specifier)) faults.push(`${file} imports ${specifier}`);
    }
  }
  assert.deepEqual(faults, []);
});

test('files and lines stay in their size', () => {
  const faults: string[] = [];
  for (const file of files) {
    const lines = text(file).split('\n');
    if (lines.length > linesMax && !file.startsWith('test/') && file !== oneList) {
      faults.push(`${file}: ${lines.length} lines`);
    }
    lines.forEach((line, index) => {
      if (line.length > columnsMax) faults.push(`${file}:${index + 1}: ${line.length} columns`);
    });
  }
  assert.deepEqual(faults, []);
});

test('no file is a drawer for odds and ends', () => {
  const banned = /^(utils?|helpers?|misc|common|stuff|manager|tools)\.ts$/;
  assert.deepEqual(
    files.filter((file) => banned.test(basename(file))),
    [],
  );
});

test('no half-merged text is left anywhere', () => {
  const marks = /^(?:<{7}|>{7}) /m;
  const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md'], { cwd: root });
  const faults = [...files, ...pages].filter((file) => marks.test(text(file)));
  assert.deepEqual(faults, []);
});

test('no shortcut hides in the code', () => {
  const marks = /\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore|@ts-nocheck|\bas any[;,)]|\.only\(/;
  const faults = files.filter((file) => file !== 'test/tidy.test.ts' && marks.test(text(file)));
  assert.deepEqual(faults, []);
});

test('a workspace imports only what its package.json names', () => {
  const dev = dependenciesOf('package.json');
  const faults = files.flatMap((file) => {
    const folder = file.split('/')[0] ?? '';
    const own = dependenciesOf(`${folder}/package.json`);
    const known = folder === 'test' ? new Set([...dev, ...allDependencies()]) : own;
    return importsOf(file).flatMap((specifier) => {
      const name = packageOf(specifier);
      return name === undefined || name === `@sallyport/${folder}` || known.has(name)
        ? []
        : [`${file} imports ${name}`];
    });
  });
  assert.deepEqual(faults, []);
});

function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
}

function dependenciesOf(manifest: string): Set<string> {
  if (!existsSync(join(root, manifest))) return new Set();
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(text(manifest));
  return new Set(
    [dependencies, devDependencies, optionalDependencies].flatMap((part) =>
      Object.keys(part ?? {}),
    ),
  );
}

/** Tests may use whatever any workspace uses. */
function allDependencies(): string[] {
  const { workspaces } = JSON.parse(text('package.json')) as { workspaces: string[] };
  const own = workspaces.map((name) => `@sallyport/${name}`);
  return [...own, ...workspaces.flatMap((name) => [...dependenciesOf(`${name}/package.json`)])];
}
