/** What a consumer, an upstream or the other node writes: JSON texts and request targets. */
import assert from 'node:assert/strict';
import { parseJson } from '@sallyport/shared/content/json.ts';
import {
  encodePath,
  encodeQuery,
  normalisePath,
  pathSegments,
} from '@sallyport/shared/content/path.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes, mutateTree } from './mutate.ts';

const documents: readonly unknown[] = [
  { id: 'c-42', name: 'Wang', income: 12_000.5, tags: ['a', 'ü', '\u{1f512}'], address: null },
  [{ a: { b: { c: [1, -1, 0.1, 1e21, 1e-7, true, false, null] } } }],
  { 'quoted "name"': '\\ \n \u0001', escapes: '\u2028', empty: {}, list: [] },
];
const jsonTexts = [
  ...documents.map((value) => Buffer.from(JSON.stringify(value))),
  Buffer.from('{"a" : "\\ud83d\\ude00\\u0000\\/", "b":[1E5,-0.0,123456789012345678]}\r\n\t '),
  Buffer.from('{"a":1,"\\u0061":2}'),
];

/**
 * What is accepted means the same to a second parser. V8 14.6 is none for names of one escaped
 * character: `JSON.parse` reads `{"\\n":1}` as `{"\\":1}` once it has met an object like the latter.
 */
function readAsOthersDo(bytes: Buffer): void {
  const value = parseJson(bytes);
  const text = bytes.toString();
  if (!/"\\."/.test(text)) assert.deepStrictEqual(value, JSON.parse(text));
}

fuzz('JSON bytes', {
  codes: ['JSON_REFUSED'],
  attempt: (random) => readAsOthersDo(mutateBytes(random, jsonTexts)),
});

fuzz('JSON documents', {
  codes: ['JSON_REFUSED'],
  attempt: (random) => {
    const text = JSON.stringify(mutateTree(random, random.pick(documents)));
    readAsOthersDo(Buffer.from(text));
  },
});

const targets = [
  '/',
  '/citizens/c-42',
  '/a/b.c/~d/e=f,g;h?x=1&y=a+b&z=%E4%B8%AD',
  '/%E4%B8%AD/a%20b/(c)/$d&e@f:g?q=%26%3D%25',
  "/x/!'*/y?empty=&none&a=b=c",
  '//host/p?u=/../..',
  'http://h/p',
].map((text) => Buffer.from(text));

fuzz('request targets', {
  codes: ['PATH_REFUSED'],
  attempt: (random) => {
    const { path, query } = normalisePath(mutateBytes(random, targets).toString('latin1'));
    assert.deepEqual(normalisePath(path), { path, query: [] });
    assert.equal(encodePath(pathSegments(path)), path);
    // The upstream's parser may be one of the WHATWG kind: it must not see another path.
    assert.equal(new URL(path, 'http://upstream').pathname, path);
    const again = query.length === 0 ? '/' : `/?${encodeQuery(query)}`;
    if (again.length <= 4096) assert.deepEqual(normalisePath(again).query, query);
  },
});
