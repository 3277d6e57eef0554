/** The breakdown by step, from audit events whose times are known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepNames, stepTimes } from '@sallyport/bench/steps.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';

const [request, answer] = ['aa', 'bb'];

/** The logs of one exchange whose steps take `ms`, each in turn. */
function logsOf(exchangeId: string, startMs: number, ms: readonly number[]) {
  const ends = ms.map((_, at) => ms.slice(0, at + 1).reduce((sum, one) => sum + one, startMs));
  const [sealing = 0, sealed = 0, sent = 0, collected = 0, opened = 0, calling = 0, called = 0] =
    ends;
  const [sealing2 = 0, sealed2 = 0, sent2 = 0, collected2 = 0, opened2 = 0, released = 0] =
    ends.slice(7);
  const deliveredMs = ends.at(-1) ?? 0;
  const outer: AuditEvent[] = [
    { event: 'accept', atMs: startMs, exchangeId },
    { event: 'seal', atMs: sealing, packageId: request, tookMs: sealed - sealing },
    { event: 'send', atMs: sent, packageId: request },
    { event: 'collect', atMs: collected2, packageId: answer },
    { event: 'open', atMs: opened2, packageId: answer },
    { event: 'release', atMs: released, exchangeId, packageId: answer },
    { event: 'deliver', atMs: deliveredMs, exchangeId },
  ];
  const inner: AuditEvent[] = [
    { event: 'collect', atMs: collected, packageId: request },
    { event: 'open', atMs: opened, packageId: request },
    { event: 'decide', atMs: opened, exchangeId, packageId: request },
    { event: 'call', atMs: called, exchangeId, tookMs: called - calling },
    { event: 'mask', atMs: called, exchangeId },
    { event: 'seal', atMs: sealing2, packageId: answer, tookMs: sealed2 - sealing2 },
    { event: 'send', atMs: sent2, packageId: answer },
  ];
  return { outer, inner };
}

test('each step takes what lies between its end and that of the step before', () => {
  const ms = stepNames.map((_, at) => at + 1);
  const { outer, inner } = logsOf('one', 1_000, ms);
  assert.deepEqual(stepTimes(outer, inner), { exchanges: 1, meanMs: ms });
});

test('an exchange that is not all in the logs counts for nothing', () => {
  const ms = stepNames.map(() => 1);
  const whole = logsOf('one', 1_000, ms);
  const late = { event: 'accept', atMs: 5_000, exchangeId: 'two' };
  assert.deepEqual(stepTimes([...whole.outer, late], whole.inner), { exchanges: 1, meanMs: ms });
  assert.equal(stepTimes([late], []), undefined);
});
