import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectCorpus } from '@sallyport/bench/detect-corpus.ts';
import type { Json } from '@sallyport/shared/content/json.ts';
import { readSchema } from '@sallyport/shared/content/schema.ts';
import { compileScan } from '@sallyport/shared/detect/scan.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { hitsOf } from '@sallyport/shared/masking/net.ts';
import type { Detect } from '@sallyport/shared/masking/net-rule.ts';
import { compileResponse } from '@sallyport/shared/masking/rules.ts';
import fc from 'fast-check';

const schemaOf = (document: unknown) => {
  const { schema } = readSchema(document);
  assert.ok(schema);
  return schema;
};
const text = { type: 'string' };
const schema = schemaOf({
  type: 'object',
  properties: {
    remark: { ...text, maxLength: 200, pattern: '^.{4,}$' },
    phone: text,
    count: { type: ['number', 'null'] },
    sex: { type: 'string', enum: ['13800138000', 'male'] },
    tags: { type: 'array', items: text },
    person: { type: 'object', properties: { name: text, note: text } },
  },
});
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const mask = { field: '$.phone', transform: 'keep', first: 3, last: 4 } as const;

function run(value: Json, detect?: Detect, fields: readonly string[] = ['$']) {
  const { release, verify } = compileResponse(schema, fields, [mask], { detect });
  const { body, rules } = release(bytes(value), 1e6);
  assert.ok(body);
  assert.deepEqual(verify(body, 1e6).body, body, 'the far side agrees');
  return { value: JSON.parse(body.toString()), rules };
}

test('what no mask covers is masked where a detector knows it, and told by kind and field', () => {
  const { value, rules } = run({
    remark: '请打 13800138000',
    phone: '13800138000',
    count: 13_800_138_000,
    tags: ['a', 'zhang@example.com', 'b', 'li@example.com'],
    person: { name: '张三', note: 'nothing' },
  });
  assert.deepEqual(value, {
    count: '***',
    person: { name: '***', note: 'nothing' },
    phone: '138****8000',
    remark: '***',
    tags: ['a', '***', 'b', '***'],
  });
  assert.deepEqual(rules, {
    'keep $.phone': 1,
    'detect mobile $.count': 1,
    'detect name $.person.name': 1,
    'detect mobile $.remark': 1,
    'detect email $.tags[*]': 2,
  });
});

test('a document in which nothing is found leaves no trace of the net', () => {
  assert.deepEqual(run({ remark: 'all is well', count: 5 }).rules, {});
});

test('counts are those of one document, also where it is walked twice', () => {
  const { release } = compileResponse(schema, ['$'], [mask]);
  for (let round = 0; round < 3; round += 1) {
    // An escape that the straight path may leave to the parser.
    const document = Buffer.from('{"tags":["\\u0061@example.com","zhang@example.com"],"extra":{}}');
    assert.deepEqual(release(document, 1e6).rules, { 'detect email $.tags[*]': 2 });
  }
});

test('an open field is left alone, as is what an enum lets through', () => {
  const open: Detect = { hit: 'mask', open: ['$.remark', '$.person'] };
  const value = { person: { name: '张三' }, remark: '13800138000', sex: '13800138000' };
  assert.deepEqual(run(value, open).value, value);
});

test('where the policy blocks, the answer is refused, and the error names kind and field alone', () => {
  const { release } = compileResponse(schema, ['$'], [mask], {
    detect: { hit: 'block', open: [] },
  });
  assert.throws(
    () => release(bytes({ remark: 'call 13800138000' }), 1e6),
    (thrown: unknown) => {
      assert.ok(thrown instanceof SallyportError);
      assert.equal(thrown.code, 'RESPONSE_REFUSED');
      assert.deepEqual(hitsOf(thrown), { 'detect mobile $.remark': 1 });
      assert.equal(`${thrown.message} ${thrown.hint}`.includes('13800138000'), false);
      return true;
    },
  );
});

test('numbers are looked at whatever else their field may hold, and whatever their sign', () => {
  const several = schemaOf({
    type: 'object',
    properties: {
      day: { type: ['string', 'integer'], format: 'date' },
      letter: { type: ['string', 'number'], maxLength: 1 },
      debt: { type: 'integer', minimum: -20_000_000_000, maximum: 0 },
    },
  });
  const value = { day: 13_800_138_000, letter: 13_800_138_000.5, debt: -13_800_138_000 };
  const { release, verify } = compileResponse(several, ['$'], []);
  const hiddenAll = { day: '***', debt: '***', letter: '***' };
  const { body } = release(bytes(value), 1e6);
  assert.deepEqual(JSON.parse(String(body)), hiddenAll);
  for (const [name, one] of Object.entries(value)) {
    assert.throws(() => verify(bytes({ [name]: one }), 1e6), { code: 'RESPONSE_REFUSED' });
  }
});

test('the far side refuses what its own net finds, and what does not fit its schema', () => {
  const { verify } = compileResponse(schema, ['$'], [mask]);
  for (const document of [
    { remark: 'call 13800138000' },
    { remark: 'x' },
    { count: 13_800_138_000 },
  ]) {
    assert.throws(
      () => verify(bytes(document), 1e6),
      (thrown: unknown) => thrown instanceof SallyportError && thrown.code === 'RESPONSE_REFUSED',
    );
  }
});

test('no value that a detector knows survives a masked document', () => {
  const samples = detectCorpus(5, 30).filter(({ kind }) => kind !== undefined);
  const flat = schemaOf({
    type: 'object',
    properties: Object.fromEntries(
      [...new Set(samples.map(({ field }) => field))].map((name) => [
        name,
        { type: 'array', items: text },
      ]),
    ),
  });
  const rewrites = compileResponse(flat, ['$'], []);
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...samples), { minLength: 1, maxLength: 12 }),
      (chosen) => {
        const byField = Object.groupBy(chosen, ({ field }) => field);
        const document = Object.fromEntries(
          Object.entries(byField).map(([name, list]) => [name, list?.map(({ value }) => value)]),
        );
        const { body } = rewrites.release(bytes(document), 1e6);
        const left: Record<string, string[]> = JSON.parse(String(body));
        for (const [field, values] of Object.entries(left)) {
          for (const value of values) {
            assert.equal(compileScan(field)(value), undefined, `${field} ${value}`);
          }
        }
        assert.deepEqual(rewrites.verify(body ?? Buffer.alloc(0), 1e6).body, body);
      },
    ),
    { seed: 1, numRuns: 400 },
  );
});

test('a pattern that would take exponential time elsewhere is linear here', () => {
  const evil = { field: '$.remark', transform: 'regex', pattern: '(a+)+$', replace: 'x' } as const;
  const { release } = compileResponse(
    schemaOf({ type: 'object', properties: { remark: text } }),
    ['$'],
    [evil],
  );
  const before = process.cpuUsage();
  release(bytes({ remark: `${'a'.repeat(10_000)}!` }), 1e6);
  // Backtracking would not end before the sun does.
  assert.ok(process.cpuUsage(before).user < 10_000_000);
});
