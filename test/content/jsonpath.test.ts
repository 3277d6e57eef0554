/** Field paths against the compliance suite of RFC 9535: ours are a part of JSONPath, with its meaning. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FieldPath, formatField, parseField } from '@sallyport/shared/content/fields.ts';

interface Case {
  readonly name: string;
  readonly selector: string;
  readonly document?: unknown;
  readonly result?: readonly unknown[];
  readonly results?: readonly (readonly unknown[])[];
  readonly invalid_selector?: boolean;
}

const suite = join(import.meta.dirname, '../../../shared/vectors/jsonpath/cts.json');

/** What a path selects: `[*]` every item of a list; ours never stands for the members of an object. */
function select(value: unknown, path: FieldPath): unknown[] {
  const [step, ...rest] = path;
  if (step === undefined) return [value];
  if (typeof value !== 'object' || value === null) return [];
  if (step === null) return Array.isArray(value) ? value.flatMap((item) => select(item, rest)) : [];
  if (Array.isArray(value) || !Object.hasOwn(value, step)) return [];
  return select(Reflect.get(value, step), rest);
}

test('a path that we read selects what JSONPath says; all others are refused', (t) => {
  if (!existsSync(suite)) return t.skip('no ../shared/vectors/jsonpath beside the repository');
  const { tests } = JSON.parse(readFileSync(suite, 'utf8')) as { tests: readonly Case[] };
  let read = 0;
  for (const { name, selector, document, result, results, invalid_selector } of tests) {
    const path = parseField(selector);
    if (path === undefined) continue;
    assert.notEqual(invalid_selector, true, name);
    // Members of an object by `*`: a field set names them one by one, so ours selects none there.
    const objects = path.includes(null) && !Array.isArray(document);
    if (objects) assert.deepEqual(select(document, path), [], name);
    else
      assert.ok(
        (results ?? [result]).some((one) => same(select(document, path), one)),
        name,
      );
    assert.deepEqual(parseField(formatField(path)), path, name);
    read += 1;
  }
  assert.equal(read, 14, `${read} of ${tests.length}`);
});

test('everything else of JSONPath is refused, by kind', () => {
  const others = {
    descendants: '$..name',
    index: '$[0]',
    slice: '$[0:2]',
    filter: '$[?@.a]',
    union: "$['a','b']",
    'wildcard by dot': '$.*',
    'double quotes': '$["a"]',
    escape: "$['\\u0061']",
    space: '$ .a',
    'no root': '.a',
    function: '$[?length(@.a)>1]',
  };
  for (const [kind, selector] of Object.entries(others)) {
    assert.equal(parseField(selector), undefined, kind);
  }
});

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
