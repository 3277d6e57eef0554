import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type JsonRule, parseJson } from '@sallyport/shared/content/json.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import fc from 'fast-check';

const parse = (text: string) => parseJson(Buffer.from(text));

/** The rule that refuses the bytes; undefined where they are accepted. */
function ruleOf(bytes: Uint8Array): JsonRule | undefined {
  try {
    parseJson(bytes);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SallyportError);
    assert.equal(error.code, 'JSON_REFUSED');
    return /a break of ([a-z0-9-]+) at/.exec(error.message)?.[1] as JsonRule;
  }
}

const refusals: readonly (readonly [string, string | Uint8Array, JsonRule])[] = [
  ['a byte order mark', '\ufeff{}', 'byte-order-mark'],
  ['bad UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'utf-8'],
  ['an overlong form', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 'utf-8'],
  ['a surrogate in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 'utf-8'],
  ['an escaped lone surrogate', '"\\ud800"', 'surrogate'],
  ['an escaped lone surrogate in a name', '{"\\udc00":1}', 'surrogate'],
  ['a duplicate name', '{"a":1,"b":2,"a":1}', 'duplicate-name'],
  ['a duplicate name, one escaped', '{"a":1,"\\u0061":2}', 'duplicate-name'],
  ['a duplicate name below', '[{"x":{"a":1,"a":2}}]', 'duplicate-name'],
  ['a duplicate __proto__', '{"__proto__":1,"__proto__":2}', 'duplicate-name'],
  ['too deep arrays', '['.repeat(65) + ']'.repeat(65), 'depth'],
  ['very deep arrays', '['.repeat(100_000), 'depth'],
  ['too deep objects', '{"a":'.repeat(65), 'depth'],
  ['too many members', `[${'1,'.repeat(limits.jsonMembersMax)}1]`, 'members'],
  ['a too long string', `"${'a'.repeat(limits.jsonStringBytesMax + 1)}"`, 'string-length'],
  ['a too long text', ' '.repeat(limits.edgeBodyBytesMax + 1), 'size'],
  ['a too long number', `1.${'0'.repeat(60)}`, 'number-length'],
  ['an integer beyond 2^53', '9007199254740993', 'number-precision'],
  ['2^53 itself', '9007199254740992', 'number-precision'],
  ['a large power of ten', '1e300', 'number-precision'],
  ['a number beyond doubles', '1e999', 'number-precision'],
  ['a number below doubles', '1e-400', 'number-precision'],
  ['more digits than a double holds', '0.12345678901234567890', 'number-precision'],
  ['NaN', 'NaN', 'syntax'],
  ['Infinity', '-Infinity', 'syntax'],
  ['a leading zero', '01', 'syntax'],
  ['a plus sign', '+1', 'syntax'],
  ['a trailing comma', '[1,]', 'syntax'],
  ['a comment', '1 // one', 'syntax'],
  ['single quotes', "'a'", 'syntax'],
  ['a raw newline in a string', '"a\nb"', 'syntax'],
  ['an unfinished string', '"a', 'syntax'],
  ['a string that ends in a backslash', '"a\\', 'syntax'],
  ['two documents', '{}{}', 'syntax'],
  ['a form feed as space', '\f1', 'syntax'],
  ['nothing', '', 'syntax'],
];

for (const [name, text, rule] of refusals) {
  test(`refuses ${name} by the rule ${rule}`, () => {
    assert.equal(ruleOf(typeof text === 'string' ? Buffer.from(text) : text), rule);
  });
}

test('what is just within the limits is accepted', () => {
  assert.equal(ruleOf(Buffer.from('['.repeat(64) + ']'.repeat(64))), undefined);
  assert.equal(parse('9007199254740991'), 9007199254740991);
  assert.equal(parse('0.30000000000000004'), 0.1 + 0.2);
  assert.equal(parse('1.50e1'), 15);
  assert.equal(parse('-25E-3'), -0.025);
  assert.equal(parse('"\\ud834\\udd1e\\u0000"'), '𝄞\u0000');
});

test('a member named __proto__ is a plain member and changes no prototype', () => {
  const value = parse('{"__proto__":{"polluted":true},"constructor":1}');
  assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.equal(JSON.stringify(value), '{"__proto__":{"polluted":true},"constructor":1}');
});

test('no error holds a piece of the text', () => {
  for (const text of ['{"sentinel":1,"sentinel":2}', '["sentinel', '{"sentinel" 1}', 'sentinel']) {
    assert.throws(
      () => parse(text),
      (error: Error) => !error.message.includes('sentinel'),
    );
  }
});

test('every JSON value survives, and means what the native parser says', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const rule = ruleOf(Buffer.from(text));
      // Of what stringify writes only inexact numbers and lone surrogates may be refused.
      if (rule !== undefined) return rule === 'number-precision' || rule === 'surrogate';
      assert.deepEqual(parse(text), JSON.parse(text));
      return true;
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('what the native parser refuses is refused, whatever was done to the text', () => {
  const piece = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '"a"',
      '"a":',
      '1',
      '-',
      '.',
      'e',
      '0',
      ' ',
      'null',
      'tru',
      '\\u',
      'd800',
      '\n',
      '\u0001',
      '/*',
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      let native: unknown;
      try {
        native = JSON.parse(text);
      } catch {
        assert.notEqual(ruleOf(Buffer.from(text)), undefined, text);
        return;
      }
      const rule = ruleOf(Buffer.from(text));
      if (rule === undefined) assert.deepEqual(parse(text), native);
      else
        assert.ok(['duplicate-name', 'surrogate', 'number-precision'].includes(rule), text + rule);
    }),
    { seed: 1, numRuns: 3000 },
  );
});

test('a duplicate name is found wherever it stands', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      (names, pick) => {
        const again = names[pick % names.length] ?? '';
        const members = [...names, again].map((name) => `${JSON.stringify(name)}:1`);
        assert.equal(ruleOf(Buffer.from(`{${members.join(',')}}`)), 'duplicate-name');
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});

const suite = join(import.meta.dirname, '../../../shared/vectors/jsontestsuite/test_parsing');
test('JSONTestSuite: n_ is refused, y_ is accepted or refused by a rule of ours', (t) => {
  if (!existsSync(suite)) return t.skip('no ../shared/vectors/jsontestsuite beside the repository');
  const ours: Record<string, JsonRule> = {
    'y_number.json': 'number-precision',
    'y_number_double_close_to_zero.json': 'number-length',
    'y_number_real_capital_e.json': 'number-precision',
    'y_number_real_exponent.json': 'number-precision',
    'y_number_real_fraction_exponent.json': 'number-precision',
    'y_object_duplicated_key.json': 'duplicate-name',
    'y_object_duplicated_key_and_value.json': 'duplicate-name',
    'y_object_extreme_numbers.json': 'number-precision',
  };
  const files = readdirSync(suite);
  assert.ok(files.length > 300 && Object.keys(ours).every((file) => files.includes(file)));
  for (const file of files) {
    const rule = ruleOf(readFileSync(join(suite, file)));
    if (file.startsWith('n_')) assert.notEqual(rule, undefined, file);
    if (file.startsWith('y_')) assert.equal(rule, ours[file], file);
  }
});
