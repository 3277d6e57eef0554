/**
 * The straight path and the slow one against the norm (strict parser, walk, JSON.stringify): on generated
 * schemas, field sets, masks and documents all give the same bytes and the same tally, or the same
 * refusal. And the straight path is taken: otherwise this would compare the norm with itself.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldTree, parseField } from '@sallyport/shared/content/fields.ts';
import { parseJson, readJson } from '@sallyport/shared/content/json.ts';
import type { Rewritten, Tally, WalkRules } from '@sallyport/shared/content/place.ts';
import { compileRewrite, compileSlow, type Rewrite } from '@sallyport/shared/content/rewrite.ts';
import { readSchema, type Schema, typesOf } from '@sallyport/shared/content/schema.ts';
import { compileStraight } from '@sallyport/shared/content/straight/compile.ts';
import { compileWalk } from '@sallyport/shared/content/walk.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { again, seedsOf } from './campaign.ts';
import { escaped, maskTreeOf, pathsOf, revalued, schemaOf, writtenOf } from './documents.ts';
import { countEntries } from './entered.ts';
import { createRandom, mutateBytes, type Random } from './mutate.ts';

const name = 'straight path';
const bytesMax = 1024 * 1024;
const documentsOfRules = 8;

interface Count {
  accepted: number;
  straight: number;
  refused: number;
}

test(`${name}: same bytes, tally and refusal as the norm, and as by the slow path`, () => {
  const count: Record<WalkRules['mode'], Count> = {
    release: { accepted: 0, straight: 0, refused: 0 },
    verify: { accepted: 0, straight: 0, refused: 0 },
  };
  const seeds = seedsOf(documentsOfRules);
  for (const seed of seeds) {
    try {
      compare(createRandom(seed, name), count);
    } catch (cause) {
      throw new Error(`${name} failed; again: ${again(name, seed)}`, { cause });
    }
  }
  console.error(JSON.stringify(count));
  if (seeds.length < 100) return;
  for (const [mode, { accepted, straight, refused }] of Object.entries(count)) {
    assert.ok(accepted > seeds.length, `${mode}: only ${accepted} documents were accepted`);
    assert.ok(refused > seeds.length, `${mode}: only ${refused} documents were refused`);
    assert.ok(straight > 0.3 * accepted, `${mode}: only ${straight} of ${accepted} went straight`);
  }
});

/** Several documents under rules of one schema, some built alike: the straight path learns how. */
function compare(random: Random, count: Record<WalkRules['mode'], Count>): void {
  const { schema } = readSchema(schemaOf(random));
  assert.ok(schema);
  const rules = rulesOf(random, schema);
  const release = pairOf({ ...rules, mode: 'release' });
  const verify = pairOf({ ...rules, mode: 'verify' });
  let text = '';
  for (let left = documentsOfRules; left > 0; left -= 1) {
    text = left % 4 === 0 ? writtenOf(random, schema) : revalued(random, text);
    const document = Buffer.from(random.below(3) === 0 ? escaped(random, text) : text);
    const bytes = random.below(3) === 0 ? mutateBytes(random, [document]) : document;
    const released = agree(release, bytes, count.release);
    agree(verify, bytes, count.verify);
    if (released?.body === undefined) continue;
    agree(verify, released.body, count.verify);
    agree(verify, mutateBytes(random, [released.body]), count.verify);
  }
}

function rulesOf(random: Random, schema: Schema): Omit<WalkRules, 'mode'> {
  const paths = pathsOf(schema);
  const some = (most: number): string[] =>
    Array.from({ length: random.below(most + 1) }, () => random.pick(paths));
  const granted = random.below(3) === 0 ? ['$'] : [random.pick(paths), ...some(4)];
  return {
    schema,
    fields: fieldTree(granted.map((path) => parseField(path) ?? [])),
    masks: maskTreeOf(random, new Set(some(4).filter((path) => path !== '$'))),
    code: 'RESPONSE_REFUSED',
  };
}

interface Pair {
  readonly both: Rewrite;
  readonly slow: Rewrite;
  readonly norm: Rewrite;
  readonly isStraight: (document: Uint8Array) => boolean;
}

function pairOf(rules: WalkRules): Pair {
  const straight = compileStraight(rules);
  return {
    both: compileRewrite(rules),
    slow: compileSlow(rules),
    norm: compileNorm(rules),
    isStraight: (document) => straight?.(document) !== undefined,
  };
}

/** Without the reader of bytes, and without the copy of what does not change. */
function compileNorm(rules: WalkRules): Rewrite {
  const walk = compileWalk(rules);
  return (document) => {
    const text = document.toString();
    const isText = Buffer.from(text).equals(document) && !text.startsWith('\ufeff');
    const tally: Tally = { dropped: 0, rules: {} };
    const left = walk(isText ? readJson(text) : parseJson(document), tally);
    return { ...tally, body: left === undefined ? undefined : Buffer.from(JSON.stringify(left)) };
  };
}

function agree({ both, slow, norm: read, isStraight }: Pair, document: Buffer, count: Count) {
  const norm = outcome(read, document);
  assert.deepEqual(outcome(both, document), norm, document.toString());
  assert.deepEqual(outcome(slow, document), norm, document.toString());
  if ('code' in norm) count.refused += 1;
  else {
    count.accepted += 1;
    if (isStraight(document)) count.straight += 1;
  }
  return 'code' in norm ? undefined : norm;
}

function outcome(
  rewrite: Rewrite,
  document: Buffer,
): Rewritten | { code: string; message: string } {
  try {
    return rewrite(document, bytesMax);
  } catch (thrown) {
    assert.ok(thrown instanceof SallyportError, String(thrown));
    return { code: thrown.code, message: thrown.message };
  }
}

test(`${name}: objects of a known layout are among them`, async () => {
  const entries = await countEntries();
  try {
    const count = { accepted: 0, straight: 0, refused: 0 };
    for (const seed of seedsOf().slice(0, 100)) {
      compare(createRandom(seed, name), { release: count, verify: count });
    }
    const known = await entries.calls('straight/pieces.ts', 'writeFollowed');
    console.error(JSON.stringify({ known, ...count }));
    if (seedsOf().length >= 100) assert.ok(known > count.straight / 4, `only ${known}`);
  } finally {
    entries.close();
  }
});

test(`${name}: every kind of schema reaches it`, () => {
  const seen = new Set<string>();
  for (const seed of seedsOf(20)) {
    const { schema } = readSchema(schemaOf(createRandom(seed, name)));
    if (schema !== undefined) for (const type of typesOf(schema)) seen.add(type);
  }
  assert.ok(seen.has('object') && seen.has('array'));
});
