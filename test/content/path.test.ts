import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodePath,
  encodeQuery,
  normalisePath,
  pathSegments,
} from '@sallyport/shared/content/path.ts';
import { isErrorCode } from '@sallyport/shared/errors.ts';
import fc from 'fast-check';

const refused = { code: 'PATH_REFUSED' };

test('a plain target is its own normal form', () => {
  assert.deepEqual(normalisePath('/citizens/42?lang=zh&lang=en&flag'), {
    path: '/citizens/42',
    query: [
      ['lang', 'zh'],
      ['lang', 'en'],
      ['flag', ''],
    ],
  });
  assert.deepEqual(normalisePath('/'), { path: '/', query: [] });
  assert.deepEqual(normalisePath('/a.b/c..d/...?'), { path: '/a.b/c..d/...', query: [] });
});

test('percent-encoding is decoded once and written in one way', () => {
  assert.equal(normalisePath('/%e5%bc%a0/%41%3a').path, '/%E5%BC%A0/A:');
  assert.deepEqual(pathSegments('/%E5%BC%A0/a'), ['张', 'a']);
  assert.deepEqual(normalisePath('/a?q=%e5%bc%a0+b%2B&p=100%25').query, [
    ['q', '张 b+'],
    ['p', '100%'],
  ]);
  assert.equal(encodeQuery([['q', '张 b+&=']]), 'q=%E5%BC%A0%20b%2B%26%3D');
});

const tricks = [
  ['parent', '/a/../b'],
  ['parent at the end', '/a/..'],
  ['dot', '/a/./b'],
  ['encoded parent', '/a/%2e%2e/b'],
  ['half encoded parent', '/a/.%2E/b'],
  ['encoded dot in a name', '/a/b%2ejson'],
  ['parent with a parameter', '/a/..;x=1/b'],
  ['encoded semicolon', '/a%3bx'],
  ['encoded slash', '/a%2fb'],
  ['encoded slash, upper case', '/a%2Fb'],
  ['backslash', '/a\\b'],
  ['encoded backslash', '/a%5cb'],
  ['double slash', '/a//b'],
  ['leading double slash', '//host/a'],
  ['trailing slash', '/a/'],
  ['encoded zero', '/a%00'],
  ['encoded newline', '/a%0d%0ab'],
  ['raw control', '/a\u0001'],
  ['raw space', '/a b'],
  ['raw non-ASCII', '/张'],
  ['double encoding', '/a/%252e%252e/b'],
  ['encoded percent', '/a%25b'],
  ['bad percent', '/a%zz'],
  ['cut percent', '/a%4'],
  ['overlong UTF-8 slash', '/a%c0%afb'],
  ['lone continuation byte', '/a%80'],
  ['encoded surrogate', '/a%ed%a0%80'],
  ['right-to-left override', '/a%e2%80%aeb'],
  ['zero-width space', '/a%e2%80%8bb'],
  ['not NFC', '/e%cc%81'],
  ['absolute form', 'http://host/a'],
  ['asterisk form', '*'],
  ['empty', ''],
  ['fragment', '/a#b'],
  ['fragment in the query', '/a?b#c'],
  ['bad percent in the query', '/a?b=%g1'],
  ['encoded zero in the query', '/a?b=%00'],
  ['bad UTF-8 in the query', '/a?b=%ff'],
  ['backslash in the query', '/a?b=\\'],
  ['empty query name', '/a?=1'],
  ['empty query pair', '/a?b=1&&c=2'],
  ['too long', `/${'a'.repeat(5000)}`],
  ['too many segments', '/a'.repeat(40)],
  ['too many query pairs', `/a?${'b=1&'.repeat(70)}b=1`],
] as const;

for (const [name, target] of tricks) {
  test(`refuses a path trick: ${name}`, () => {
    assert.throws(() => normalisePath(target), refused);
  });
}

test('a path from the other node must be in normal form', () => {
  assert.throws(() => pathSegments('/%e5%bc%a0'), refused);
  assert.throws(() => pathSegments('/%41'), refused);
  assert.throws(() => pathSegments('/a?b'), refused);
  assert.throws(() => pathSegments('/a/'), refused);
  assert.throws(() => pathSegments(`/${'a'.repeat(5000)}`), refused);
  assert.deepEqual(pathSegments('/'), []);
});

test('normalising is idempotent and never throws anything else', () => {
  const piece = fc.constantFrom(
    '/',
    '.',
    '%',
    '2e',
    '2f',
    '25',
    'a',
    '%41',
    '?',
    '&',
    '=',
    '+',
    ';',
    '张',
    '\\',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const target = `/${pieces.join('')}`;
      let normal: ReturnType<typeof normalisePath>;
      try {
        normal = normalisePath(target);
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && isErrorCode(error.code));
        assert.equal(error.code, 'PATH_REFUSED');
        return;
      }
      const again = normalisePath(`${normal.path}?${encodeQuery(normal.query)}`);
      assert.deepEqual(again, normal);
      assert.equal(encodePath(pathSegments(normal.path)), normal.path);
      assert.ok(!normal.path.split('/').includes('..'));
    }),
    { seed: 1, numRuns: 2000 },
  );
});
