/** Documents made to cost: how much is done for one is counted, and what is over is refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import type { Schema } from '@sallyport/shared/content/schema.ts';
import { compileStraight } from '@sallyport/shared/content/straight/compile.ts';
import { compileScan } from '@sallyport/shared/detect/scan.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { RecipientKey } from '@sallyport/shared/masking/jwe.ts';
import type { Mask } from '@sallyport/shared/masking/mask.ts';
import { compileResponse, responseRules } from '@sallyport/shared/masking/rules.ts';
import { recipient } from './recipient.ts';

const bytesMax = limits.upstreamBodyBytesMax;
const schema: Schema = { type: 'array', items: { type: 'string' } };
const tooMuch = { code: 'RESPONSE_REFUSED', message: /steps of patterns, detectors and masks/ };

/** Of texts of about 80 characters. */
function documentOf(unit: string, bytes: number): Buffer {
  const text = JSON.stringify(unit.repeat(80 / unit.length));
  const count = Math.min(limits.jsonMembersMax, Math.floor(bytes / (text.length + 1)));
  return Buffer.from(`[${Array(count).fill(text)}]`);
}

test('a document of nothing but beginnings of numbers is refused by both nodes, a small one passes', () => {
  const { release, verify } = compileResponse(schema, ['$'], []);
  for (const unit of ['6-2-', '1 ']) {
    const large = documentOf(unit, bytesMax - 100);
    const small = documentOf(unit, 64 * 1024);
    for (const rewrite of [release, verify]) {
      assert.throws(() => rewrite(large, bytesMax), tooMuch, unit);
      // What was counted before does not count against another.
      assert.ok(rewrite(small, bytesMax).body);
    }
  }
});

test('the straight path counts for itself: what it did in vain does not make a document refused', () => {
  const count = countOf('6 2 '.repeat(20));
  const values = Math.floor((limits.documentStepsMax * 0.6) / count);
  const text = '6 2 '.repeat(20);
  // The last number is one that only the strict parser takes.
  const rules: Schema = {
    type: 'object',
    properties: { list: schema, last: { type: 'integer' } },
  };
  const { release } = compileResponse(rules, ['$'], []);
  const document = JSON.stringify({ list: Array(values).fill(text) });
  const body = Buffer.from(document.replace(/}$/, ',"last":1e0}'));
  assert.ok(body.length < limits.straightBytesMax);
  assert.ok(release(body, bytesMax).body);
});

/** How many numbers and codes are looked into in a text. */
function countOf(text: string): number {
  let steps = 0;
  compileScan('', { work: { begin() {}, add: (more) => (steps += more) } })(text);
  return steps;
}

test('honest records pass, as many as a document may have values, with a sixth of the work', () => {
  const people = makePeople(16_000, 3);
  const values = people
    .flatMap((one) => Object.values(one).filter((value) => typeof value === 'string'))
    .slice(0, limits.jsonMembersMax);
  assert.equal(values.length, limits.jsonMembersMax);
  const steps = values.reduce((sum, value) => sum + countOf(value), 0);
  assert.ok(steps > 10_000 && steps < limits.documentStepsMax / 6, `${steps}`);
  const { release } = compileResponse(schema, ['$'], []);
  assert.ok(release(Buffer.from(JSON.stringify(values)), bytesMax).body);
});

test('masks that cost much are not tried on the straight path, others are', () => {
  const straightOf = (mask: Mask) =>
    compileStraight({ ...responseRules(schema, ['$'], [mask]), mode: 'release' });
  assert.equal(straightOf({ field: '$[*]', transform: 'encrypt' }), undefined);
  assert.equal(straightOf({ field: '$[*]', transform: 'token', as: 'digits' }), undefined);
  assert.notEqual(straightOf({ field: '$[*]', transform: 'token', as: 'random' }), undefined);
  assert.notEqual(straightOf({ field: '$[*]', transform: 'surname' }), undefined);
});

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });

/** Masks, a value, and how many of it are over. */
const costly: readonly (readonly [Mask, string, number])[] = [
  [{ field: '$[*]', transform: 'encrypt' }, 'a', 2_510],
  [{ field: '$[*]', transform: 'token', as: 'digits' }, '13800138000', 5_010],
  [
    { field: '$[*]', transform: 'regex', pattern: '(?:a?){30}a{30}', replace: '' },
    'b'.repeat(16_000),
    50,
  ],
];

for (const [mask, value, over] of costly) {
  test(`more values than ${mask.transform} may work on are refused`, () => {
    const to = recipient('tax', key as RecipientKey);
    const { release } = compileResponse(schema, ['$'], [mask], { recipient: to });
    const bodyOf = (count: number) => Buffer.from(JSON.stringify(Array(count).fill(value)));
    assert.throws(() => release(bodyOf(over), bytesMax), tooMuch);
    const rules = release(bodyOf(over / 10), bytesMax).rules;
    assert.deepEqual(rules, { [`${mask.transform} $[*]`]: over / 10 });
  });
}
