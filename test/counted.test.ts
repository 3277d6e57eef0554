import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted } from '@sallyport/shared/counted.ts';

test('one is told as one, and none as many', () => {
  const told = [0, 1, 2].map((count) => counted(count, 'service'));
  assert.deepEqual(told, ['0 services', '1 service', '2 services']);
  assert.equal(counted(3, 'entry', 'entries'), '3 entries');
});
