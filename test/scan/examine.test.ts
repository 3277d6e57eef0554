/** How the guard examines files: a few bodies at a time, each in its time, and places are shared fairly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Named } from '@sallyport/shared/content/scan/scanner.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { compileFiles } from '@sallyport/shared/policy/files.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import {
  createExamining,
  type Examine,
  type Examined,
} from '@sallyport/shared/processes/guard/examine.ts';
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
  const steady = () => performance.now();
  const { examine: all } = createExamining({
    audit,
    flushAudit() {},
    now: () => 1,
    steady,
    scan,
  });
  const examine = (
    about: Examined,
    files: Parameters<Examine>[1],
    texts: Parameters<Examine>[2],
    withinMs = 60_000,
  ) => all(about, files, texts, steady() + withinMs);
  return { events, examine };
}

function gate() {
  let open = (): void => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { held, open };
}

/** Holds every scan until it is opened; which contents are under way, and the most at once. */
function held() {
  const { held: opened, open } = gate();
  const begun: string[] = [];
  let under = 0;
  let most = 0;
  const scan: Scan = async (content) => {
    begun.push(String(content));
    under += 1;
    most = Math.max(most, under);
    await opened;
    under -= 1;
    return clean;
  };
  return { scan, open, begun, most: () => most };
}

test('a few at a time; who sends many leaves places and room for others', async () => {
  const { scan, open, begun, most } = held();
  const { examine } = examining(scan);
  const half = limits.examinationsWaitingMax / 2;
  const all = Array.from({ length: half }, () => examine(of('many'), rules, textOf('many')));
  await assert.rejects(examine(of('many'), rules, textOf('a')), { code: 'OVERLOADED' });
  await until(() => begun.length === limits.examinationsMax / 2);
  all.push(examine(of('few'), rules, textOf('few')));
  await until(() => begun.at(-1) === 'few');
  open();
  await Promise.all(all);
  assert.equal(begun.length, half + 1);
  assert.ok(most() < limits.examinationsMax);
  await examine(of('many'), rules, textOf('a'));
});

test('where all places are taken the lines of consumers take turns', async () => {
  const gates = Array.from({ length: limits.examinationsMax }, gate);
  const begun: string[] = [];
  const { examine } = examining(async (content) => {
    const mine = gates[begun.push(String(content)) - 1];
    await mine?.held;
    return clean;
  });
  const ask = (consumer: string, times: number) =>
    Array.from({ length: times }, () => examine(of(consumer), rules, textOf(consumer)));
  const all = ask('many', 20);
  await until(() => begun.length === 2);
  all.push(...ask('b', 1), ...ask('c', 1));
  await until(() => begun.length === 4);
  all.push(...ask('d', 3));
  for (const { open } of gates) open();
  await Promise.all(all);
  // Two of `many` may come between, and no more: not those that stood in its line before.
  assert.ok(begun.lastIndexOf('d') < 12, begun.join(' '));
});

test('what is past its time in line is given to no scanner, and gives its room back', async () => {
  const { scan, open, begun } = held();
  const { examine, events } = examining(scan);
  const first = [1, 2].map(() => examine(of('a'), rules, textOf('first')));
  await until(() => begun.length === 2);
  const late = Array.from({ length: limits.examinationsWaitingMax / 2 - 2 }, () =>
    assert.rejects(examine(of('a'), rules, textOf('late'), 50), { code: 'DEADLINE_PASSED' }),
  );
  await assert.rejects(examine(of('a'), rules, textOf('too many')), { code: 'OVERLOADED' });
  await Promise.all(late);
  const next = examine(of('a'), rules, textOf('next'));
  open();
  await Promise.all([...first, next]);
  assert.deepEqual(begun, ['first', 'first', 'next']);
  assert.equal(events.length, 3);
  await assert.rejects(examine(of('a'), rules, textOf('over'), 0), { code: 'DEADLINE_PASSED' });
});

test('who would wait longer than its time is refused at once, and told when to come again', async () => {
  const tookMs = 40;
  const { examine } = examining(async () => {
    await sleep(tookMs);
    return clean;
  });
  for (let at = 0; at < 10; at += 1) await examine(of('a'), rules, textOf('a'));
  const long = Array.from({ length: 40 }, () => examine(of('a'), rules, textOf('a')));
  await assert.rejects(examine(of('a'), rules, textOf('a'), 100), (thrown) => {
    assert.ok(thrown instanceof SallyportError);
    assert.equal(thrown.code, 'OVERLOADED');
    assert.ok((thrown.retryAfterMs ?? 0) > 100);
    return true;
  });
  await examine(of('quiet'), rules, textOf('a'));
  await Promise.all(long);
});

test('between its files the time of a body is looked at; a scanner has what is left of it', async () => {
  // Longer than a busy machine holds up what comes before the scanner.
  const bodyMs = 1_000;
  const given: number[] = [];
  const { examine, events } = examining(async (_content, withinMs) => {
    given.push(withinMs);
    await sleep(withinMs + 5);
    return [{ scanner: 'one', verdict: 'failed', failure: 'timeout' }];
  });
  await assert.rejects(examine(of('a'), rules, textOf('a'), bodyMs), { code: 'DEADLINE_PASSED' });
  assert.ok((given[0] ?? 0) <= bodyMs);
  assert.equal(events[0]?.code, 'DEADLINE_PASSED');
  const slow = examining(async () => {
    await sleep(bodyMs + 5);
    return clean;
  });
  const two = [...textOf('a'), ...textOf('b')];
  await assert.rejects(slow.examine(of('a'), rules, two, bodyMs), { code: 'DEADLINE_PASSED' });
  assert.deepEqual(
    slow.events.map(({ code }) => code),
    [undefined, 'DEADLINE_PASSED'],
  );
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
