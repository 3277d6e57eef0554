import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalJson } from '@sallyport/shared/package/jcs.ts';

const thirdParty = '../../../shared/vectors/json-canonicalization/testdata';
const dir = join(import.meta.dirname, thirdParty);

test('members are sorted by UTF-16 unit at every depth, and absent ones are left out', () => {
  const value = { b: [{ d: 1, c: null }], '\ud83d\ude00': 2, '\ufb33': 3, a: undefined };
  assert.equal(canonicalJson(value), '{"b":[{"c":null,"d":1}],"\ud83d\ude00":2,"\ufb33":3}');
});

test('third-party vectors of RFC 8785 come out as they must', {
  skip: existsSync(dir) ? false : 'third-party vectors are not on this machine',
}, () => {
  const files = readdirSync(join(dir, 'input'));
  assert.ok(files.length > 0);
  for (const file of files) {
    const input = JSON.parse(readFileSync(join(dir, 'input', file), 'utf8'));
    assert.equal(canonicalJson(input), readFileSync(join(dir, 'output', file), 'utf8'), file);
  }
});
