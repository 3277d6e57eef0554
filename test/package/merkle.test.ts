import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  inclusionPath,
  leafHash,
  treeRoot,
  verifyInclusion,
} from '@sallyport/shared/package/merkle.ts';
import fc from 'fast-check';

const thirdParty = join(import.meta.dirname, '../../../shared/vectors/merkle/testdata/inclusion');
const sha256 = { name: 'sha256', bytes: 32 };
const leavesOf = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => leafHash('sha256', Buffer.from([index])));

test('the root is the one of RFC 9162 over the entries of the RFC 6962 reference tree', () => {
  const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'];
  const leaves = entries.map((entry) => leafHash('sha256', Buffer.from(entry, 'hex')));
  assert.equal(
    treeRoot('sha256', leaves).toString('hex'),
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  );
});

test('a tree without leaves has no root', () => {
  assert.throws(() => treeRoot('sha256', []), RangeError);
});

test('every leaf of trees up to 40 leaves is proved by its path and no other place', () => {
  for (let count = 1; count <= 40; count += 1) {
    const leaves = leavesOf(count);
    const root = treeRoot('sha256', leaves);
    for (const [index, leaf] of leaves.entries()) {
      const path = inclusionPath('sha256', leaves, index);
      assert.ok(verifyInclusion(sha256, { leaf, index, count, path, root }));
      const other = (index + 1) % count;
      const elsewhere = { leaf, index: other, count, path, root };
      if (other !== index) assert.ok(!verifyInclusion(sha256, elsewhere));
    }
  }
});

test('a path with any change proves nothing', () => {
  const size = fc.integer({ min: 2, max: 200 });
  fc.assert(
    fc.property(size, fc.nat(), fc.nat(), fc.nat(), (count, place, step, bit) => {
      const leaves = leavesOf(count);
      const index = place % count;
      const path = inclusionPath('sha256', leaves, index).map((one) => Buffer.from(one));
      const changed = path[step % path.length];
      assert.ok(changed);
      const at = bit % 256;
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
      const leaf = leaves[index] ?? Buffer.alloc(0);
      const root = treeRoot('sha256', leaves);
      assert.ok(!verifyInclusion(sha256, { leaf, index, count, path, root }));
      const short = { leaf, index, count, path: path.slice(1), root };
      assert.ok(!verifyInclusion(sha256, short));
    }),
    { seed: 1, numRuns: 200 },
  );
});

interface Probe {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

test('third-party inclusion vectors are accepted and refused as they say', {
  skip: existsSync(thirdParty) ? false : 'third-party vectors are not on this machine',
}, () => {
  const files = globSync('**/*.json', { cwd: thirdParty });
  assert.ok(files.length > 50);
  const decode = (text: string): Buffer => Buffer.from(text, 'base64');
  for (const file of files) {
    const probe: Probe = JSON.parse(readFileSync(join(thirdParty, file), 'utf8'));
    const holds = verifyInclusion(sha256, {
      leaf: decode(probe.leafHash),
      index: probe.leafIdx,
      count: probe.treeSize,
      path: (probe.proof ?? []).map(decode),
      root: decode(probe.root),
    });
    assert.equal(holds, !probe.wantErr, file);
  }
});
