import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteMaskGrowthMax } from '@sallyport/shared/content/place.ts';
import { compileMask, type Mask } from '@sallyport/shared/masking/transforms.ts';
import fc from 'fast-check';

const field = '$.x';
const masks: readonly (readonly [string, Mask, readonly string[]])[] = [
  [
    'surname',
    { field, transform: 'surname' },
    ['张三', '欧阳娜娜', '第五伦', '司马', '王小明明明'],
  ],
  ['email', { field, transform: 'email' }, ['a@b.cn', 'zhang.san+x@mail.example', 'x1%@a-b.c.de']],
  [
    'keep',
    { field, transform: 'keep', first: 3, last: 4 },
    ['13800138000', '11010519491231002X', '1', '', 'a@b.c*_x', 'x'.repeat(90)],
  ],
  ['keep all', { field, transform: 'keep', first: 0, last: 0, char: 'x' }, ['13800138000', 'xx']],
];

const pieces = [
  ...[
    '张',
    '三',
    '欧',
    '阳',
    '一',
    '鿿',
    '㐀',
    '𠀀',
    '*',
    '**',
    '***',
    'a',
    'Z',
    '9',
    '@',
    '.',
    '-',
    '+',
    '%',
  ],
  ...['_', ' ', 'é', '１', '\u200b', '#', 'mail.example', 'cn', '138', 'x'.repeat(40)],
];
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((parts) => parts.join(''));

/** What the bytes give; undefined: they do not know. */
function byBytes(mask: Mask, value: string): { masked: string | undefined; verified: boolean } {
  const { bytes } = compileMask(mask);
  assert.ok(bytes);
  const input = Buffer.from(`"${value}"`);
  const out = Buffer.alloc(input.length + byteMaskGrowthMax, '?');
  const end = bytes.apply(input, 1, input.length - 1, out, 1);
  const masked = end < 0 ? undefined : out.toString('utf8', 1, end);
  return { masked, verified: bytes.verify(input, 1, input.length - 1) };
}

for (const [name, mask, usual] of masks) {
  test(`${name} on bytes gives what it gives on texts, or does not know`, () => {
    const { apply, verify } = compileMask(mask);
    const same = (value: string): void => {
      const { masked, verified } = byBytes(mask, value);
      if (masked !== undefined) assert.equal(masked, apply(value));
      if (verified) assert.ok(verify(value));
    };
    fc.assert(fc.property(text, same), { numRuns: 3000 });
    fc.assert(
      fc.property(text, (value) => same(String(apply(value)))),
      { numRuns: 3000 },
    );
  });

  test(`${name} on bytes knows values of the usual form, and what it made of them`, () => {
    for (const value of usual) {
      const { masked } = byBytes(mask, value);
      assert.equal(masked, compileMask(mask).apply(value), value);
      assert.ok(byBytes(mask, masked ?? '').verified, value);
    }
  });
}

test('every common Han character is a name to both', () => {
  const surname: Mask = { field, transform: 'surname' };
  for (let code = 0x4e00; code <= 0x9fff; code += 1) {
    const value = `${String.fromCharCode(code)}三`;
    assert.equal(byBytes(surname, value).masked, compileMask(surname).apply(value));
  }
});

test('a sign of more than one byte is left to the mask on texts', () => {
  assert.equal(
    compileMask({ field, transform: 'keep', first: 1, last: 1, char: '•' }).bytes,
    undefined,
  );
});
