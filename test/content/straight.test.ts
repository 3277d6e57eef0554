import assert from 'node:assert/strict';
import { test } from 'node:test';
import { everyField, fieldTree } from '@sallyport/shared/content/fields.ts';
import { compileRewrite, compileSlow } from '@sallyport/shared/content/rewrite.ts';
import { readSchema } from '@sallyport/shared/content/schema.ts';
import { compileStraight } from '@sallyport/shared/content/straight/compile.ts';
import { limits } from '@sallyport/shared/limits.ts';

const document = {
  type: 'object',
  properties: {
    id: { type: 'string', pattern: '^c-[0-9]{3}$' },
    kind: { type: 'string', enum: ['A', 'AB', '名'] },
    note: { type: 'string' },
    sum: { type: 'number' },
    list: { type: 'array', items: { type: 'integer' } },
  },
};
const { schema } = readSchema(document);
assert.ok(schema);
const rules = { schema, fields: everyField, masks: undefined, code: 'RESPONSE_REFUSED' } as const;
const release = { ...rules, mode: 'release' } as const;
const straight = compileStraight(release);
const slow = compileSlow(release);
const bytesMax = limits.messageBodyBytesMax;

/** The text that goes straight, after proof that the slow path writes the same; undefined: it does not. */
function straightOf(text: string): string | undefined {
  const bytes = Buffer.from(text);
  const taken = straight?.(bytes);
  if (taken !== undefined) assert.deepEqual(taken, slow(bytes, bytesMax));
  return taken?.body?.toString();
}

const taken: readonly (readonly [string, string, string])[] = [
  ['members in another order', '{"sum":1,"id":"c-123"}', '{"id":"c-123","sum":1}'],
  ['spaces', ' { "sum" : 1 ,\n"list" : [ 1 , 2 ] } ', '{"list":[1,2],"sum":1}'],
  ['a number in another spelling', '{"sum":1.50}', '{"sum":1.5}'],
  ['a number with an exponent', '{"sum":1e2}', '{"sum":100}'],
  ['a negative zero', '{"sum":-0}', '{"sum":0}'],
  ['a small number', '{"sum":0.0000001}', '{"sum":1e-7}'],
  ['escapes', '{"note":"\\u00e9\\/\\n"}', '{"note":"é/\\n"}'],
  [
    'escapes of all beyond ASCII',
    '{"kind":"\\u540D","note":"\\ud83d\\ude00"}',
    '{"kind":"名","note":"😀"}',
  ],
  ['an escaped backslash before a u', '{"note":"\\\\u00e9"}', '{"note":"\\\\u00e9"}'],
  [
    'escapes in a name that does not cross',
    '{"\\u540d\\/":{"\\ud83d\\ude00":1},"sum":1}',
    '{"sum":1}',
  ],
  ['a line separator', '{"note":"\u2028"}', '{"note":"\u2028"}'],
  ['a delete character', '{"note":"\u007f"}', '{"note":"\u007f"}'],
  ['unknown members', '{"x":{"y":[1,{"z":null}]},"sum":1}', '{"sum":1}'],
  ['a listed value', '{"kind":"名"}', '{"kind":"名"}'],
  ['an empty object', '{}', '{}'],
];
for (const [name, text, written] of taken) {
  test(`a document with ${name} goes straight`, () => {
    assert.equal(straightOf(text), written);
  });
}

const left: readonly (readonly [string, string])[] = [
  ['a name twice', '{"sum":1,"sum":1}'],
  ['a name twice where it does not cross', '{"x":{"y":1,"y":1}}'],
  ['an unknown name twice', '{"x":1,"sum":1,"x":2}'],
  ['a name with an escape', '{"\\u0073um":1}'],
  ['a lone surrogate', '{"x":"\\ud800"}'],
  ['surrogates in the wrong order', '{"x":"\\ude00\\ud83d"}'],
  ['half of a pair and another letter', '{"x":"\\ud83d\\u00e9"}'],
  ['a name twice, once with escapes', '{"x":{"\\u540d":1,"名":2}}'],
  ['a name twice, each with escapes', '{"x\\/":1,"x\\u00e9":1,"x/":2}'],
  ['an escape outside of strings', '{"sum":1\\/}'],
  ['an escape that begins a document', '\\ufeff{"sum":1}'],
  ['an escaped digit outside of strings', '{"sum":\\u0031}'],
  ['an escape that ends too early', '{"note":"\\u00e"}'],
  ['an escape at its end', '{"note":"\\'],
  ['a control character', '{"note":"\u0001"}'],
  ['a NUL', '{"note":"\0"}'],
  ['no end', '{"note":"xx'],
  ['more behind it', '{"sum":1}}'],
  ['a leading zero', '{"sum":01}'],
  ['a number that no double holds', '{"sum":0.12345678901234567890}'],
  ['a value that does not fit', '{"id":"c-12"}'],
  ['a value that is not listed', '{"kind":"B"}'],
  ['a byte order mark', '\ufeff{}'],
  ['nothing', ''],
  ['too many levels', `{"x":${'['.repeat(64)}${']'.repeat(64)}}`],
  [
    'more unknown names than it remembers',
    `{${Array.from({ length: 70 }, (_, n) => `"x${n}":1`)}}`,
  ],
  ['too many members', `{"list":[${'1,'.repeat(limits.jsonMembersMax)}1]}`],
  ['a string that is too long', `{"note":"${'x'.repeat(limits.jsonStringBytesMax + 1)}"}`],
];
for (const [name, text] of left) {
  test(`a document with ${name} is left to the slow path, whatever was read before`, () => {
    // The rest of an earlier document must not be taken for a part of this one.
    assert.ok(straightOf(`{"note":"${'x'.repeat(90)}"}`));
    assert.equal(straightOf(text), undefined);
  });
}

test('escapes count for the length of a string as they are written', () => {
  const most = limits.jsonStringBytesMax;
  const note = `{"note":"${'\\u00e9'.repeat(most / 6 + 1)}"}`;
  assert.equal(straightOf(note), undefined);
  assert.throws(() => slow(Buffer.from(note), bytesMax), /string-length/);
  assert.ok(straightOf(`{"note":"${'\\u00e9'.repeat(most / 12)}"}`));
});

test('bytes that are no UTF-8 are left to the slow path', () => {
  const bytes = Buffer.from('{"note":"\xff"}', 'latin1');
  assert.equal(straight?.(bytes), undefined);
  assert.throws(() => compileRewrite(release)(bytes, bytesMax), { code: 'JSON_REFUSED' });
});

test('a document over the size is refused though it could go straight', () => {
  const bytes = Buffer.from('{"sum":1}');
  assert.throws(() => compileRewrite(release)(bytes, bytes.length - 1), { code: 'JSON_REFUSED' });
  assert.ok(compileRewrite(release)(bytes, bytes.length));
});

test('a schema with a name that has two spellings has no straight path', () => {
  const { schema } = readSchema({ type: 'object', properties: { 'a"b': { type: 'string' } } });
  assert.ok(schema);
  assert.equal(compileStraight({ ...release, schema }), undefined);
  const { body } = compileRewrite({ ...release, schema })(Buffer.from('{"a\\"b":"x"}'), bytesMax);
  assert.equal(body?.toString(), '{"a\\"b":"x"}');
});

test('what is not granted is dropped and counted, and refused where it is verified', () => {
  const fields = fieldTree([['sum']]);
  const bytes = Buffer.from('{"note":"x","y":[1],"sum":1}');
  const given = compileStraight({ ...release, fields })?.(bytes);
  assert.deepEqual(given, { body: Buffer.from('{"sum":1}'), rules: {}, dropped: 2 });
  assert.equal(compileStraight({ ...release, fields, mode: 'verify' })?.(bytes), undefined);
});

test('a mask that makes a document much longer makes the output grow', () => {
  const mask = {
    id: 'long',
    reads: true,
    drops: false,
    apply: () => '名"'.repeat(100_000),
    verify: () => true,
  };
  const note = { mask, names: new Map(), items: undefined };
  const masks = { mask: undefined, names: new Map([['note', note]]), items: undefined };
  const bytes = Buffer.from('{"sum":1,"note":"x","id":"c-123"}');
  const given = compileStraight({ ...release, masks })?.(bytes);
  assert.deepEqual(given, compileSlow({ ...release, masks })(bytes, bytesMax));
  assert.deepEqual(given?.rules, { long: 1 });
  assert.equal(straightOf('{"sum":1}'), '{"sum":1}');
});
