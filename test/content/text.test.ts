import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@sallyport/shared/content/json.ts';
import { readSchema } from '@sallyport/shared/content/schema.ts';
import { checkTexts, isPlainJson, strictText } from '@sallyport/shared/content/text.ts';
import fc from 'fast-check';

const refuses = { code: 'TEXT_REFUSED' } as const;
const composed = 'caf\u00e9';
const decomposed = 'cafe\u0301';

const hidden: readonly (readonly [string, string])[] = [
  ['a zero-width space', 'a\u200bb'],
  ['a zero-width joiner', 'a\u200db'],
  ['a byte order mark', '\ufeffa'],
  ['a soft hyphen', 'a\u00adb'],
  ['a right-to-left override', 'a\u202egnp.exe'],
  ['a bidi isolate', 'a\u2066b'],
  ['a tag character', 'a\u{e0041}b'],
  ['a Hangul filler', 'a\u3164b'],
  ['a line separator', 'a\u2028b'],
  ['NUL', 'a\u0000b'],
  ['a backspace', 'a\bb'],
  ['an escape', '\u001b[31m'],
  ['DEL', 'a\u007fb'],
  ['a C1 control', 'a\u0085b'],
];
for (const [name, text] of hidden) {
  test(`${name} is refused in a value, unless the route allows it, and always in a name`, () => {
    assert.throws(() => checkTexts({ a: [text] }, strictText), refuses);
    assert.throws(() => checkTexts({ [text]: 1 }, { form: 'refuse', hidden: 'allow' }), refuses);
    const value = { a: [text] };
    assert.equal(checkTexts(value, { form: 'refuse', hidden: 'allow' }), value);
  });
}

test('a text that is not composed is refused, or composed, as the route says', () => {
  assert.throws(() => checkTexts([decomposed], strictText), refuses);
  const normalised = checkTexts(
    { a: [decomposed, 1], b: null },
    { form: 'normalise', hidden: 'refuse' },
  );
  assert.deepEqual(normalised, { a: [composed, 1], b: null });
  assert.throws(
    () => checkTexts({ [decomposed]: 1 }, { form: 'normalise', hidden: 'allow' }),
    refuses,
  );
});

test('Han with variation selectors, emoji and line ends are plain', () => {
  const value = { 名: '葛\u{e0100}飾 ❤\ufe0f 😀\t1\r\n2' };
  assert.equal(checkTexts(value, strictText), value);
});

test('no error holds a piece of the text', () => {
  assert.throws(
    () => checkTexts({ secret: 'se\u200bntinel' }, strictText),
    (error: Error) => /\$\.secret/.test(error.message) && !/ntinel/.test(error.message),
  );
});

test('the quick look never calls plain what a string of the document breaks', () => {
  const unit = fc.constantFrom(
    'a',
    '张',
    '\u0301',
    'e',
    '\u200b',
    '\u202e',
    '\b',
    '\f',
    '\u0085',
    '\u007f',
    '\ufe0f',
    '"',
    '\\',
    '/',
  );
  const text = fc.string({ unit, maxLength: 6 });
  fc.assert(
    fc.property(
      fc.dictionary(text, fc.oneof(text, fc.array(text))),
      fc.boolean(),
      (value, escapes) => {
        const json = JSON.stringify({ ...value });
        const written = escapes ? json.replace(/[^ -~]/g, escaped) : json;
        if (!isPlainJson(Buffer.from(written))) return;
        assert.doesNotThrow(() => checkTexts(JSON.parse(written) as Json, strictText));
      },
    ),
    { seed: 1, numRuns: 3000 },
  );
  assert.equal(isPlainJson(Buffer.from('{"name":"张三","note":"a\\nb","tab":"\\t"}')), true);
});

test('the quick look agrees of every character, alone and behind another', () => {
  for (let code = 0x20; code <= 0x1ffff; code += 1) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const one = String.fromCodePoint(code);
    for (const value of [one, `e${one}`, `か${one}`, `张${one}`]) {
      if (!isPlainJson(Buffer.from(JSON.stringify(value)))) continue;
      assert.equal(checkTexts(value, strictText), value, code.toString(16));
    }
  }
});

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const names: readonly (readonly [string, readonly string[]])[] = [
  ['a letter of another script', ['n\u0430me']],
  ['Greek among Latin', ['v\u03bdalue']],
  ['a zero-width character', ['na\u200bme']],
  ['a name that is not composed', [decomposed]],
  ['two names that look the same', ['cop', '\u0441\u043e\u0440']],
  ['two names that differ in width', ['name', '\uff4e\uff41\uff4d\uff45']],
];
for (const [name, members] of names) {
  test(`a schema with ${name} is refused`, () => {
    const properties = Object.fromEntries(members.map((member) => [member, { type: 'null' }]));
    const { faults } = readSchema({ type: 'object', properties });
    assert.notEqual(faults.length, 0);
  });
}

test('names in one script, with digits and signs, may be members', () => {
  const members = ['name', 'имя', '姓名', '@id', '#text', 'x-y z', 'id2', 'name名'];
  const properties = Object.fromEntries(members.map((member) => [member, { type: 'null' }]));
  assert.deepEqual(readSchema({ type: 'object', properties }).faults, []);
});
