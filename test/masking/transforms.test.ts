import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@sallyport/shared/content/json.ts';
import { compileMask, type Mask } from '@sallyport/shared/masking/transforms.ts';
import fc from 'fast-check';

const field = '$.x';
const keep34: Mask = { field, transform: 'keep', first: 3, last: 4 };
const plain = (transform: 'drop' | 'null' | 'fixed' | 'surname' | 'email'): Mask => ({
  field,
  transform,
});

const cases: readonly (readonly [string, Mask, Json, Json | undefined])[] = [
  ['drop removes', plain('drop'), 'x', undefined],
  ['null empties', plain('null'), 'x', null],
  ['fixed hides', plain('fixed'), 'x', '***'],
  ['fixed hides an object', plain('fixed'), { a: 1 }, '***'],
  ['keep shows the ends of a mobile number', keep34, '13800138000', '138****8000'],
  ['keep shows the ends of a resident id', keep34, '11010519491231002X', '110***********002X'],
  ['keep reads full-width digits', keep34, '１３８００１３８０００', '138****8000'],
  ['keep reads through spaces and hyphens', keep34, ' 138-0013 8000 ', '138****8000'],
  [
    'keep reads through zero-width characters',
    keep34,
    '138\u200b0013\u200d8000\ufeff',
    '138****8000',
  ],
  ['keep reads through odd dashes', keep34, '138‐0013—8000', '138****8000'],
  ['keep hides a value that is too short', keep34, '1234567', '***'],
  ['keep hides a value of which too little would be hidden', keep34, '1234567890', '***'],
  ['keep hides a value that is short once it is normalised', keep34, '1-2-3-4-5-6-7-8', '***'],
  ['keep hides the empty text', keep34, '', '***'],
  ['keep hides a number', keep34, 13800138000, '***'],
  ['keep hides null', keep34, null, '***'],
  ['keep hides a boolean', keep34, true, '***'],
  ['keep hides a list', keep34, ['13800138000'], '***'],
  [
    'keep counts characters beyond the BMP',
    keep34,
    '𠮷'.repeat(12),
    `${'𠮷'.repeat(3)}*****${'𠮷'.repeat(4)}`,
  ],
  [
    'keep does not tell how long a long value is',
    keep34,
    '1'.repeat(500),
    `111${'*'.repeat(32)}1111`,
  ],
  ['surname shows one character', plain('surname'), '张三丰', '张**'],
  ['surname knows compound names', plain('surname'), '欧阳娜娜', '欧阳**'],
  ['surname of a short compound shows one', plain('surname'), '欧阳', '欧*'],
  ['surname reads through spaces', plain('surname'), '张\u3000三', '张*'],
  ['surname hides one character', plain('surname'), '张', '***'],
  ['surname hides another script', plain('surname'), 'John Smith', '***'],
  ['surname hides what is too long for a name', plain('surname'), '张三李四王五赵六', '***'],
  ['surname hides a name with a dot', plain('surname'), '买买提·艾力', '***'],
  ['surname hides a number', plain('surname'), 5, '***'],
  [
    'email shows one character and the domain',
    plain('email'),
    'zhang.san@example-1.gov.cn',
    'z***@example-1.gov.cn',
  ],
  ['email hides a local part of one character', plain('email'), 'z@example.com', '***@example.com'],
  ['email reads full-width characters', plain('email'), 'ｚｓ＠example.com', 'z***@example.com'],
  ['email hides what is none', plain('email'), 'zhang at example.com', '***'],
  ['email hides two addresses', plain('email'), 'a1@example.com,b2@example.com', '***'],
  ['email hides an address without domain', plain('email'), 'zhang@', '***'],
  ['email hides an object', plain('email'), { a: 'z@example.com' }, '***'],
];

for (const [name, mask, value, expected] of cases) {
  test(name, () => assert.deepEqual(compileMask(mask).apply(value), expected));
}

/** The type makes sure that no transform is left out. */
const masksOf: Record<Mask['transform'], readonly Mask[]> = {
  drop: [plain('drop')],
  null: [plain('null')],
  fixed: [plain('fixed')],
  keep: [
    keep34,
    { field, transform: 'keep', first: 0, last: 4 },
    { field, transform: 'keep', first: 6, last: 0 },
  ],
  surname: [plain('surname')],
  email: [plain('email')],
};
const masks = Object.values(masksOf).flat();

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.stringMatching(/^1[3-9]\d{9}$/),
  fc.stringMatching(/^[\u4e00-\u9fa5]{1,6}$/),
  fc.emailAddress(),
  fc.string({
    unit: fc.constantFrom('*', '1', '张', '@', '.', 'a', '\u200b', '-', '＊'),
    maxLength: 20,
  }),
);

test('the far side accepts whatever a mask returns', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...masks),
      fc.oneof(anyText, fc.jsonValue() as fc.Arbitrary<Json>),
      (mask, value) => {
        const { apply, verify } = compileMask(mask);
        const masked = apply(value);
        if (masked !== undefined)
          assert.equal(verify(masked), true, JSON.stringify([mask, masked]));
      },
    ),
    { seed: 1, numRuns: 3000 },
  );
});

test('the far side refuses values that no mask has touched', () => {
  for (const value of [
    '13800138000',
    '11010519491231002X',
    '张三',
    '欧阳娜娜',
    'zhang@example.com',
    'John Smith',
    '13800138**0',
  ]) {
    for (const mask of masks) {
      assert.equal(compileMask(mask).verify(value), false, `${mask.transform} ${value}`);
    }
  }
});

test('the middle of a kept value never leaves, however it was written', () => {
  const noise = fc.constantFrom('', ' ', '-', '\u200b', '\u3000', '\u00ad', '—');
  const wide = (text: string) =>
    String.fromCodePoint(...[...text].map((one) => (one.codePointAt(0) ?? 0) + 0xfee0));
  fc.assert(
    fc.property(
      fc.stringMatching(/^\d{3}$/),
      fc.stringMatching(/^\d{4}$/),
      noise,
      fc.boolean(),
      (head, tail, dirt, full) => {
        const secret = '7777';
        const digits = full ? wide(head + secret + tail) : head + secret + tail;
        const masked = compileMask(keep34).apply([...digits].join(dirt));
        assert.equal(masked, `${head}****${tail}`);
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});
