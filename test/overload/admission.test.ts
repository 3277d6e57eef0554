import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdmission, expectTaken, overloaded } from '@sallyport/outer-node/admission.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { IpcPeer } from '@sallyport/shared/processes/ipc/peer.ts';

test('one consumer holds at most half of the lines, and each line that it leaves is free', () => {
  const admission = createAdmission();
  const leave = Array.from({ length: limits.edgeCallsInFlightMax / 2 }, () =>
    admission.enter('flood'),
  );
  assert.throws(() => admission.enter('flood'), { code: 'OVERLOADED' });
  admission.enter('quiet')();
  assert.doesNotThrow(() => admission.enter('flood', true), 'what was let in before is let in');
  leave[0]?.();
  leave[1]?.();
  admission.enter('flood')();
});

test('bodies that wait to be sealed are bounded by bytes, in shares', () => {
  const admission = createAdmission();
  const bytes = limits.edgeBodyBytesMax;
  const letGo: (() => void)[] = [];
  assert.throws(
    () => {
      for (;;) letGo.push(admission.hold('flood', bytes));
    },
    { code: 'OVERLOADED' },
  );
  assert.equal(letGo.length * bytes, limits.outboxBytesMax / 2);
  admission.hold('quiet', bytes)();
  for (const one of letGo) one();
  admission.hold('flood', bytes)();
});

test('answers are read from the store only as fast as the edge takes them', async () => {
  const edge = { unsentBytes: 0 } as { -readonly [K in keyof IpcPeer]: IpcPeer[K] };
  await expectTaken(edge);
  edge.unsentBytes = limits.ipcUnsentBytesMax;
  await assert.rejects(expectTaken(edge), { code: 'OVERLOADED' });
});

test('who is refused is told when to come again: 1 to 60 s', () => {
  const headers = (retryAfterMs?: number): unknown =>
    (
      overloaded(new SallyportError('OVERLOADED', 'full', { retryAfterMs })).head as {
        headers: unknown;
      }
    ).headers;
  assert.deepEqual(headers(), { 'retry-after': '1' });
  assert.deepEqual(headers(2_100), { 'retry-after': '3' });
  assert.deepEqual(headers(1e9), { 'retry-after': '60' });
});
