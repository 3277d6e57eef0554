import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternFits } from '@sallyport/shared/content/straight/shapes.ts';
import { closeTape, openTape } from '@sallyport/shared/content/straight/tape.ts';

/** Of sets that are taken as often as can be, it says what the expression says. */
const patterns = [
  '^c-[0-9]{6}$',
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
  '^[0-9]{2}$',
  '^a$',
  '^[0-9]{3}:x$',
  '^[0-9]{5}[A-F]{2}$',
  '^[a-c]{1,3}$',
];
const texts = ['c-123456', '2024-02-29', '07', 'a', '123:x', '12345AF', 'abc', ''];

for (const pattern of patterns) {
  test(`${pattern} fits what it matches, whichever byte is another`, () => {
    const fits = patternFits(pattern);
    assert.ok(fits);
    const matches = new RegExp(pattern);
    let matched = 0;
    for (const text of texts.flatMap(changed)) {
      const tape = openTape(Buffer.from(`"${text}",1`), 0);
      assert.equal(fits(tape, 0, text.length + 1), matches.test(text), text);
      closeTape(tape);
      if (matches.test(text)) matched += 1;
    }
    assert.ok(matched > 0);
  });
}

/** The text, it shorter and longer, and with each plain character in each place. */
function changed(text: string): string[] {
  const others = Array.from({ length: 0x5f }, (_, at) => String.fromCharCode(0x20 + at));
  const plain = [...others, '\u007f'].filter((one) => one !== '"' && one !== '\\');
  const replaced = Array.from(text, (_, at) =>
    plain.map((one) => text.slice(0, at) + one + text.slice(at + 1)),
  );
  return [text, text.slice(1), `${text}0`, ...replaced.flat()];
}

test('a value that is no text fits no pattern', () => {
  const tape = openTape(Buffer.from('[12]'), 0);
  assert.equal(patternFits('^[0-9]{2}$')?.(tape, 0, 3), false);
  assert.equal(patternFits('^[0-9]{1,2}$')?.(tape, 0, 3), false);
  closeTape(tape);
});
