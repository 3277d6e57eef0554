/** How much detectors look at in texts made to cost: counted, so that it is the same on every machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectCorpus } from '@sallyport/bench/detect-corpus.ts';
import { createRandom } from '@sallyport/examples/citizen-registry/random.ts';
import { cardRanges, compileCards } from '@sallyport/shared/detect/bank-cards.ts';
import { lengthsOf } from '@sallyport/shared/detect/beginnings.ts';
import {
  isLandline,
  isMobile,
  isOldResidentId,
  isResidentId,
} from '@sallyport/shared/detect/checks.ts';
import { someCode } from '@sallyport/shared/detect/codes.ts';
import { spacedText } from '@sallyport/shared/detect/plain.ts';
import { someLookAlike, someRun } from '@sallyport/shared/detect/runs.ts';
import { compileScan } from '@sallyport/shared/detect/scan.ts';

const lengths = lengthsOf(cardRanges(), [15, 18]);

/** How many numbers and codes are looked into for each 1000 characters. */
function lookedInto(text: string): number {
  let count = 0;
  const found = (): boolean => {
    count += 1;
    return false;
  };
  someRun(text, lengths, found);
  someCode(text, found);
  return (count / text.length) * 1000;
}

test('of each token of a text few numbers are looked into, whatever it is made of', () => {
  const two = Array.from({ length: 100 }, (_, at) => String(at).padStart(2, '0'));
  const units = [
    ...two.map(([first, second]) => `${first} ${second} `),
    ...two.map((digits) => `${digits} `),
    ...two.map((digits) => `${digits}--`),
    ...[
      '1',
      '1 2 3 4 5 6 7 8 9 0 ',
      '138 ',
      '6222 ',
      '9 1 1 1 0 1 0 8 ',
      '00861',
      '(0) ',
      '1X ',
      'A1 ',
    ],
  ];
  let most = 0;
  for (const unit of units) most = Math.max(most, lookedInto(unit.repeat(2000 / unit.length)));
  // A token and its space are two characters, and begin at most five. All their runs would be 4500.
  assert.ok(most <= 2500, `${most}`);
});

test('twice the text is twice the work, and not more', () => {
  for (const unit of ['1 ', '6 2 ', '0 1 ', '91 1 ', '1O', '1']) {
    const [once, twice] = [unit.repeat(5000), unit.repeat(10_000)];
    assert.ok(Math.abs(lookedInto(twice) - lookedInto(once)) <= 10, unit);
    let alike = 0;
    someLookAlike(twice, () => {
      alike += 1;
      return false;
    });
    assert.ok(alike <= twice.length / 11);
  }
});

test('one spelling makes no text much longer', () => {
  for (let code = 1; code < 0x2_0000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const one = String.fromCodePoint(code);
    assert.ok(spacedText(one).length <= 6 * one.length, code.toString(16));
  }
});

test('no number is passed over for its first two digits', () => {
  const isCard = compileCards(cardRanges());
  const random = createRandom(7);
  const known = (digits: string): boolean =>
    isResidentId(digits) ||
    isOldResidentId(digits) ||
    isCard(digits) ||
    isMobile(digits) ||
    isLandline(digits);
  const samples = detectCorpus(7, 400).flatMap(({ value }) => value.match(/\d{10,18}[\dX]/g) ?? []);
  const made = Array.from({ length: 100_000 }, () => {
    const head = random.pick([
      '',
      '0',
      '86',
      '0086',
      '1',
      '13',
      '010',
      '0571',
      '62',
      '4',
      '11010519491231',
    ]);
    return head + random.digits(random.int(11, 19) - head.length);
  });
  let looked = 0;
  for (const digits of [...samples, ...made]) {
    if (!known(digits)) continue;
    looked += 1;
    assert.ok((lengths[Number(digits.slice(0, 2))] ?? 0) & (1 << digits.length), digits);
  }
  assert.ok(looked > 5_000, `${looked}`);
});

test('a code is found wherever it stands among other words', () => {
  const code = '91110108551385082Q';
  for (let words = 0; words < 60; words += 1) {
    const text = `${'a '.repeat(words)}${code} b`;
    assert.ok(
      someCode(text, (one) => one === code),
      text,
    );
  }
  assert.ok(someCode('9111-0108-5513-8508-2q', (one) => one === code));
  assert.ok(!someCode(`${code}5`, (one) => one === code));
});

test('what NFKC makes of a text is counted too: a few signs that become many are no way round', () => {
  const stepsOf = (text: string): number => {
    let steps = 0;
    compileScan('', { work: { begin() {}, add: (more) => (steps += more) } })(text);
    return steps;
  };
  const [grows, stays] = ['\u{1d160}'.repeat(20), '\u{20000}'.repeat(20)].map(stepsOf);
  assert.ok(Number(grows) > 3 * Number(stays) && Number(stays) > 0, `${grows} ${stays}`);
});
