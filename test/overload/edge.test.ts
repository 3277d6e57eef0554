import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRig } from '../edge/rig.ts';

test('the edge passes on when the guard wants to be asked again', async (t) => {
  const rig = await startRig(t, {
    onCall: () => ({ head: { status: 503, headers: { 'retry-after': '7' }, code: 'OVERLOADED' } }),
  });
  const { status, problem, headers } = await rig.send({ path: '/a' });
  assert.deepEqual([status, problem.code, headers['retry-after']], [503, 'OVERLOADED', '7']);
});
