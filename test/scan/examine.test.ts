/** How the guard examines files: a few bodies at a time, and what waits is shared fairly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Named } from '@sallyport/shared/content/scan/scanner.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { compileFiles } from '@sallyport/shared/policy/files.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { createExamine } from '@sallyport/shared/processes/guard/examine.ts';
import type { Scan } from '@sallyport/shared/processes/scanner/client.ts';
import { tarOf } from '../content/archives.ts';
import { until } from '../until.ts';

const schema = {
  type: 'object',
  properties: { a: { type: 'string', contentEncoding: 'base64' } },
} as const;
const rulesOf = (scan: 'required' | 'off') => {
  const archives = { depthMax: 3, entriesMax: 9, unpackedBytesMax: 9999 };
  const types = ['tar', 'text'] as const;
  return compileFiles([{ field: '$.a', types, bytesMax: 9999, archives, scan }], schema);
};
const rules = rulesOf('required');
const clean: readonly Named[] = [{ scanner: 'one', verdict: 'clean' }];
const textOf = (content: Buffer | string) => [
  { at: '$.a', text: Buffer.from(content).toString('base64') },
];
const of = (consumer: string) => ({ exchangeId: 'e', consumer, flow: 'a/b' });

function examining(scan: Scan | undefined) {
  const events: AuditEvent[] = [];
  const audit = { append: (event: AuditEvent) => void events.push(event) };
  return { events, examine: createExamine({ audit, flushAudit() {}, now: () => 1, scan }) };
}

function gate() {
  let open = (): void => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { held, open };
}

test('a few at a time; who sends many has half of what may wait, and another still has room', async () => {
  const { held, open } = gate();
  let under = 0;
  let most = 0;
  const { examine } = examining(async () => {
    under += 1;
    most = Math.max(most, under);
    await held;
    under -= 1;
    return clean;
  });
  const half = limits.examinationsWaitingMax / 2;
  const all = Array.from({ length: half }, () => examine(of('many'), rules, textOf('a')));
  await assert.rejects(examine(of('many'), rules, textOf('a')), { code: 'OVERLOADED' });
  all.push(examine(of('few'), rules, textOf('a')));
  await until(() => under === limits.examinationsMax);
  open();
  await Promise.all(all);
  assert.equal(most, limits.examinationsMax);
  await examine(of('many'), rules, textOf('a'));
});

test('what is refused gives its place back', async () => {
  const { examine, events } = examining(async () => [
    { scanner: 'one', verdict: 'failed', failure: 'away' },
  ]);
  for (let at = 0; at < limits.examinationsMax + 1; at += 1) {
    await assert.rejects(examine(of('a'), rules, textOf('a')), { code: 'SCAN_FAILED' });
  }
  assert.deepEqual(events[0]?.rules, { 'type text': 1, 'one failed away': 1 });
  await assert.rejects(examine(of('a'), rules, [{ at: '$.b', text: 'YQ==' }]), {
    code: 'INTERNAL',
  });
});

test('one find ends it, and a file without need of a scanner goes to none', async () => {
  const seen: string[] = [];
  const scan: Scan = async (content) => {
    seen.push(String(content.subarray(0, 4)));
    return seen.length < 2 ? clean : [{ scanner: 'one', verdict: 'found', name: 'Evil' }];
  };
  const { examine, events } = examining(scan);
  const packed = tarOf([
    { name: '1', content: 'bad1' },
    { name: '2', content: 'bad2' },
  ]);
  await assert.rejects(examine(of('a'), rules, textOf(packed)), { code: 'SCAN_FOUND' });
  assert.equal(seen.length, 2);
  assert.equal(events[0]?.rules?.['one found Evil'], 1);
  await examine(of('a'), rulesOf('off'), textOf('off'));
  assert.equal(seen.length, 2);
  const without = examining(undefined);
  await without.examine(of('a'), rules, textOf('left to the other node'));
  assert.deepEqual(without.events[0]?.rules, { 'type text': 1 });
});
