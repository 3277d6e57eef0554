import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprintWords, parseFingerprint } from '@sallyport/shared/pairing/fingerprint.ts';
import fc from 'fast-check';

const hex = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((b) => Buffer.from(b).toString('hex'));

test('every form in which a fingerprint is shown reads back to it', () => {
  fc.assert(
    fc.property(hex, (fingerprint) => {
      const { english, chinese } = fingerprintWords(fingerprint);
      assert.equal(english.length, 24);
      assert.equal(chinese.length, 24);
      const forms = [
        fingerprint.toUpperCase(),
        fingerprint.replace(/../g, '$&:').slice(0, -1),
        english.join(' '),
        `  ${english.join('\n  ').toUpperCase()}  `,
        english.join('-'),
        chinese.join(''),
        chinese.join(' '),
      ];
      for (const form of forms) assert.equal(parseFingerprint(form), fingerprint, form);
    }),
    { seed: 1, numRuns: 30 },
  );
});

test('words that are too few, unknown or swapped are no fingerprint', () => {
  const { english } = fingerprintWords('00'.repeat(31).concat('17'));
  const swapped = [english[23], ...english.slice(1, 23), english[0]].join(' ');
  const bad = [
    '',
    'yes',
    'ab'.repeat(31),
    english.slice(0, 12).join(' '),
    swapped,
    'x '.repeat(24),
  ];
  for (const text of bad) assert.equal(parseFingerprint(text), undefined, text);
});
