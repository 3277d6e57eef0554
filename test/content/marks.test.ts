/** Texts of nothing but marks, which the runtime sorts in the square of their number. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasTooManyMarks, withoutExcessMarks } from '@sallyport/shared/content/marks.ts';
import { checkTexts, isPlainJson, nameFault } from '@sallyport/shared/content/text.ts';
import { spacedText } from '@sallyport/shared/detect/plain.ts';
import { plainText } from '@sallyport/shared/masking/normalise.ts';

// Sorted by the runtime, each of these would take minutes.
const hostile = ['\u0301\u0327', '\u0301\uff9e'].map((pair) => `a${pair.repeat(400_000)}`);

test('a text with more marks in a row than any script needs is refused, not sorted', () => {
  for (const text of hostile) {
    assert.ok(!isPlainJson(Buffer.from(JSON.stringify(text))));
    for (const form of ['refuse', 'normalise'] as const) {
      assert.throws(() => checkTexts(text, { form, hidden: 'allow' }), { code: 'TEXT_REFUSED' });
    }
    assert.equal(nameFault(text), 'no composed form');
  }
});

test('masks and detectors leave out what is too much', () => {
  for (const text of hostile) {
    assert.ok(plainText(text).length <= 31);
    assert.equal(spacedText(text), '\u00e1');
  }
});

test('thirty marks are none too many', () => {
  const text = `a${'\u0301'.repeat(30)}`;
  assert.ok(!hasTooManyMarks(text));
  assert.equal(withoutExcessMarks(text), text);
  assert.ok(hasTooManyMarks(`${text}\u0301`));
  assert.equal(withoutExcessMarks(`${text}\u0301b`), `${text}b`);
});

test('whatever becomes nothing but marks is counted as one', () => {
  let marks = 0;
  for (let code = 1; code < 0x3_0000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const one = String.fromCodePoint(code);
    if (!/^\p{M}+$/u.test(one.normalize('NFKC'))) continue;
    marks += 1;
    assert.ok(hasTooManyMarks(one.repeat(31)), code.toString(16));
  }
  assert.ok(marks > 1_000, `${marks}`);
});

test('a mask reads no more characters than its text has, but for what NFKC makes a few of', () => {
  assert.equal(plainText('\ufdfa\uff11'.repeat(10)).length, 20);
  assert.equal(plainText('\uff11\u00bd'), '11\u20442');
});
