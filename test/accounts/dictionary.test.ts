import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDictionary } from '@sallyport/shared/accounts/dictionary.ts';
import fc from 'fast-check';
import { parseDictionary } from 'structured-headers';

const usual = [
  'sig1=("@method" "@path");created=1764276000;keyid="tax-1";nonce="0123456789abcdef"',
  'sig1=("@query-param";name="Pet")',
  'a=:AAECAw==:',
  'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  'a=:AAEC:, b=:AA==:',
  'a=:AA=:',
  'a=::',
  'a=("x");k=1;k="2"',
  'a=("x" "");k=007;j=-1;i=1.5;h=?1;g=t;f',
  'a=("\\"" "\\\\")',
  'a=( "x"  "y" )',
  'a=()',
  'a',
  '',
];

function outcome(read: (text: string) => unknown, text: string): unknown {
  try {
    return read(text);
  } catch {
    return 'refused';
  }
}
const agree = (text: string): void =>
  assert.deepEqual(outcome(readDictionary, text), outcome(parseDictionary, text), text);

test('dictionaries are read as the library reads them', () => {
  for (const text of usual) agree(text);
});

test('dictionaries with any change are read as the library reads them', () => {
  const part = fc.constantFrom(
    ...'"\\();=:, \taA0*-_.+/?',
    'é',
    '\u007f',
    '\n',
    ';k="v"',
    '"x"',
    '==',
  );
  const changed = fc
    .tuple(fc.constantFrom(...usual), fc.nat(90), fc.nat(3), part)
    .map(([text, at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut));
  fc.assert(fc.property(changed, agree), { numRuns: 20_000 });
});
