import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { checkRequest } from '@sallyport/shared/policy/request.ts';
import { policyOf } from './fixture.ts';

const compiled = compilePolicy(policyOf());

type Pairs = readonly (readonly [string, string])[];

function check(method: string, path: string, query: Pairs = [], body = '', contentType?: string) {
  const match = matchRoute(compiled, method, path);
  const decision = decide(compiled, { consumer: { name: 'tax-bureau' }, match, nowMs: 0 });
  return checkRequest(decision, {
    params: match.params,
    query,
    contentType,
    body: Buffer.from(body),
  });
}

const list = (query: Pairs) => check('GET', '/citizens', query);
const move = (
  body: string,
  contentType: string | undefined = 'application/json',
  path = '/citizens/c-1/moves',
) => check('POST', path, [], body, contentType);

test('a query is checked and comes back in the order of the schema', () => {
  const query: Pairs = [
    ['page', '2'],
    ['district', 'b'],
    ['active', 'true'],
    ['district', 'a'],
  ];
  assert.deepEqual(list(query).query, [
    ['active', 'true'],
    ['district', 'b'],
    ['district', 'a'],
    ['page', '2'],
  ]);
  assert.deepEqual(list([]).query, []);
});

const queries: readonly (readonly [string, Pairs])[] = [
  ['an unknown name', [['debug', '1']]],
  ['a name of Object.prototype', [['__proto__', '1']]],
  [
    'a repeated name',
    [
      ['page', '1'],
      ['page', '2'],
    ],
  ],
  [
    'too many of a list',
    [
      ['district', 'a'],
      ['district', 'b'],
      ['district', 'c'],
    ],
  ],
  ['a number out of range', [['page', '101']]],
  ['a number with a leading zero', [['page', '01']]],
  ['a number with a sign', [['page', '+1']]],
  ['a number with a fraction', [['page', '1.0']]],
  ['a number in full-width digits', [['page', '１']]],
  ['a number with an exponent', [['page', '1e1']]],
  ['an empty number', [['page', '']]],
  ['another word for true', [['active', 'TRUE']]],
  ['a text that is too long', [['district', 'a'.repeat(11)]]],
];
for (const [name, query] of queries) {
  test(`a query with ${name} is refused`, () => {
    assert.throws(() => list(query), { code: 'SCHEMA_REFUSED' });
  });
}

test('a path parameter must fit its schema', () => {
  assert.deepEqual(check('GET', '/citizens/c-1').params, { id: 'c-1' });
  for (const id of ['1', 'c-', 'c-1234567', 'c-1%0A', 'C-1']) {
    const path = `/citizens/${id}`;
    assert.throws(
      () => check('GET', path),
      { code: id.includes('%') ? 'PATH_REFUSED' : 'SCHEMA_REFUSED' },
      id,
    );
  }
});

test('a body is checked and written anew', () => {
  const { body, contentType } = move(
    ' {"street":"\\u5f20 1", "since":"2024-02-29"}\n',
    'application/json; charset=utf-8',
  );
  assert.equal(body.toString(), '{"since":"2024-02-29","street":"张 1"}');
  assert.equal(contentType, 'application/json');
});

test('a body that the route does not take is refused', () => {
  assert.throws(() => check('GET', '/citizens/c-1', [], '{}', 'application/json'), {
    code: 'CONTENT_REFUSED',
  });
  assert.throws(() => check('GET', '/citizens/c-1', [], ' '), { code: 'CONTENT_REFUSED' });
});

test('a body that the route needs must be there', () => {
  assert.throws(() => move(''), { code: 'CONTENT_REFUSED' });
});

test('another content type is refused before anything is parsed', () => {
  for (const type of [
    '',
    'text/plain',
    'application/xml',
    'application/json; charset=gb18030',
    'application/jsonx',
    'application/json, text/html',
  ]) {
    assert.throws(() => move('{', type), { code: 'CONTENT_TYPE_REFUSED' }, type);
  }
});

test('text that is not strict JSON is refused', () => {
  for (const body of [
    '{',
    '{"street":"a","street":"b"}',
    '{"street":"\\ud800"}',
    '{"street":1e999}',
  ]) {
    assert.throws(() => move(body), { code: 'JSON_REFUSED' }, body);
  }
});

test('JSON that does not fit the closed schema is refused', () => {
  for (const body of [
    '[]',
    'null',
    '"a"',
    '{}',
    '{"street":1}',
    '{"street":"a","more":1}',
    '{"street":"a","__proto__":1}',
    '{"street":"aaaaaaaaaaa"}',
    '{"street":"a","since":"2023-02-29"}',
    '{"street":null}',
  ]) {
    assert.throws(() => move(body), { code: 'SCHEMA_REFUSED' }, body);
  }
});

test('what one node regenerated, the other accepts unchanged', () => {
  const once = move('{"street":"a"}');
  assert.deepEqual(move(once.body.toString(), once.contentType).body, once.body);
});

test('no error holds a value of the request', () => {
  for (const body of [
    '{"street":{"sentinel":1}}',
    '{"street":"sentinel sentinel"}',
    '{"sentinel":1}',
  ]) {
    assert.throws(
      () => move(body),
      (error: Error) => !error.message.includes('sentinel'),
    );
  }
});
