/** The scanner process and the guard's end of it: no word but one of the closed form lets anything pass. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Scanner, Verdict } from '@sallyport/shared/content/scan/scanner.ts';
import { sighted } from '@sallyport/shared/content/scan/sighted.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Handlers } from '@sallyport/shared/processes/ipc/peer.ts';
import { createScan } from '@sallyport/shared/processes/scanner/client.ts';
import { runScanner } from '@sallyport/shared/processes/scanner/scanner.ts';
import { until } from '../until.ts';
import { openBoard } from '../wires.ts';

const quiet = { info() {}, warn() {} };
const hello = Buffer.from('hello');
const soon = 60_000;
const closing: (() => unknown)[] = [];
after(() => closing.map((close) => close()));

const saying = (name: string, verdict: () => Promise<Verdict>): Scanner => ({
  name,
  scan: verdict,
});

/** The guard's and admin's ends of a real scanner process in this one. */
function started(scanners: readonly Scanner[], told: (ErrorCode | undefined)[] = []) {
  const board = openBoard();
  const { wires } = board.join('scanner');
  const running = runScanner({
    guard: wires('guard'),
    admin: wires('admin'),
    scanners,
    log: quiet,
    probeMs: 20,
    tellTrouble: (trouble) => void told.push(trouble?.code),
  });
  const guard = board.join('guard').wires('scanner')();
  const admin = board.join('admin').wires('scanner')();
  closing.push(running.close, guard.close, admin.close);
  return { guard, admin, running };
}

test('each scanner gives its verdict, in the order of the configuration', async () => {
  const { guard } = started([
    saying('one', async () => ({ verdict: 'clean' })),
    saying('two', async () => ({ verdict: 'found', name: 'Evil' })),
  ]);
  await until(() => guard.connected);
  const scan = createScan(guard, ['one', 'two']);
  assert.deepEqual(await scan(hello, soon), [
    { scanner: 'one', verdict: 'clean' },
    { scanner: 'two', verdict: 'found', name: 'Evil' },
  ]);
});

test('no scanner, a wire that is cut and content beyond the limit are failures', async () => {
  const failed = { code: 'SCAN_FAILED' };
  const { guard, running } = started([saying('one', async () => ({ verdict: 'clean' }))]);
  await until(() => guard.connected);
  await assert.rejects(createScan(guard, [])(hello, soon), failed);
  const large = Buffer.alloc(limits.scanBytesMax + 1);
  await assert.rejects(createScan(guard, ['one'])(large, soon), failed);
  await assert.rejects(guard.request('scan', { withinMs: soon }, large), failed);
  await running.close();
  await until(() => !guard.connected);
  await assert.rejects(createScan(guard, ['one'])(hello, soon), failed);
});

const lies: readonly (readonly [string, unknown])[] = [
  ['nothing', null],
  ['no list', { verdicts: 'clean' }],
  ['no verdict', { verdicts: [] }],
  [
    'more than it was asked',
    { verdicts: [1, 2].map(() => ({ scanner: 'one', verdict: 'clean' })) },
  ],
  ['the word of another', { verdicts: [{ scanner: 'two', verdict: 'clean' }] }],
  ['a word that is none', { verdicts: [{ scanner: 'one', verdict: 'CLEAN' }] }],
  ['a find without a name', { verdicts: [{ scanner: 'one', verdict: 'found' }] }],
  ['a failure of its own', { verdicts: [{ scanner: 'one', verdict: 'failed', failure: 'x' }] }],
  ['null', { verdicts: [null] }],
];
for (const [what, head] of lies) {
  test(`a scanner process that says ${what} is a failure`, async () => {
    const answers: Handlers['scan'] = () => ({ head });
    const peer = {
      request: async () => ({ ...(await answers(null, hello, {} as never)), body: hello }),
    };
    const scan = createScan(peer as never, ['one']);
    await assert.rejects(scan(hello, soon), { code: 'SCAN_FAILED' });
  });
}

test('any fault of the process is a failure, and too much at once is said', async () => {
  const failing = (code: ErrorCode) =>
    createScan({ request: () => Promise.reject(new SallyportError(code, 'it fails')) }, ['one'])(
      hello,
      soon,
    );
  for (const code of ['IPC_TIMEOUT', 'IPC_FRAME', 'IPC_VERB', 'INTERNAL'] as const) {
    await assert.rejects(failing(code), { code: 'SCAN_FAILED' });
  }
  await assert.rejects(failing('OVERLOADED'), { code: 'OVERLOADED' });
});

test('the name of what was found cannot forge a line of a log', async () => {
  const verdicts = [{ scanner: 'one', verdict: 'found', name: 'Evil\n{"x":1}' }];
  const peer = { request: async () => ({ head: { verdicts }, body: hello }) };
  const [verdict] = await createScan(peer, ['one'])(hello, soon);
  assert.deepEqual(verdict, { scanner: 'one', verdict: 'found', name: 'Evil???x?:1?' });
});

test('more scans at once than the limit are refused: OVERLOADED', async () => {
  let open = (): void => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { guard } = started([
    saying('one', async () => {
      await held;
      return { verdict: 'clean' };
    }),
  ]);
  await until(() => guard.connected);
  const all = Array.from({ length: limits.scansInFlightMax + 1 }, () =>
    guard.request('scan', { withinMs: soon }, hello),
  );
  const outcomes = Promise.allSettled(all);
  await assert.rejects(all.at(-1) as Promise<unknown>, { code: 'OVERLOADED' });
  open();
  const passed = (await outcomes).filter(({ status }) => status === 'fulfilled');
  assert.equal(passed.length, limits.scansInFlightMax);
});

test('health follows what the scanners make of something harmless', async () => {
  let verdict: Verdict = { verdict: 'failed', failure: 'away' };
  const told: (ErrorCode | undefined)[] = [];
  const { admin } = started([saying('one', async () => verdict)], told);
  await until(() => admin.connected);
  const health = async () =>
    (await admin.request('health')).head as { ok: boolean; scanners: object };
  await until(() => told.length === 1);
  assert.equal((await health()).ok, false);
  assert.deepEqual((await health()).scanners, { one: 'away' });
  verdict = { verdict: 'clean' };
  await until(async () => (await health()).ok);
  verdict = { verdict: 'found', name: 'Evil' };
  await until(async () => !(await health()).ok);
  assert.deepEqual(told, ['SCAN_FAILED', undefined, 'SCAN_FAILED']);
  const metrics = JSON.stringify((await admin.request('metrics')).head);
  assert.match(metrics, /sallyport_scanner_verdicts_total/);
  assert.doesNotMatch(metrics, /Evil/);
});

test('a scanner that does not find the EICAR test file is blind, until it does', async () => {
  let sees = false;
  let nowMs = 0;
  let asked = 0;
  const scanner = sighted(
    {
      name: 'one',
      async scan(content) {
        let text = '';
        for await (const piece of content) text += Buffer.from(piece).toString();
        const isEicar = text.includes('EICAR-STANDARD-ANTIVIRUS-TEST-FILE');
        if (isEicar) asked += 1;
        return isEicar && sees ? { verdict: 'found', name: 'Eicar' } : { verdict: 'clean' };
      },
    },
    () => nowMs,
    1000,
  );
  const scan = () =>
    scanner.scan(
      (async function* () {
        yield hello;
      })(),
    );
  assert.deepEqual(await scan(), { verdict: 'failed', failure: 'blind' });
  sees = true;
  assert.deepEqual(await scan(), { verdict: 'clean' });
  assert.deepEqual(await scan(), { verdict: 'clean' });
  assert.equal(asked, 2);
  sees = false;
  nowMs = 2000;
  assert.deepEqual(await scan(), { verdict: 'failed', failure: 'blind' });
});

test('a scan without a time is refused, and a scanner that is beyond it cut short', async () => {
  let cut = false;
  const slow: Scanner = {
    name: 'one',
    scan: (_content, signal) =>
      new Promise((resolve) => {
        if (signal === undefined) return resolve({ verdict: 'clean' });
        signal.addEventListener('abort', () => {
          cut = true;
          resolve({ verdict: 'failed', failure: 'timeout' });
        });
      }),
  };
  const { guard } = started([slow]);
  await until(() => guard.connected);
  for (const head of [null, {}, { withinMs: -1 }, { withinMs: '1' }]) {
    await assert.rejects(guard.request('scan', head, hello), { code: 'IPC_FRAME' });
  }
  assert.deepEqual(await createScan(guard, ['one'])(hello, 30), [
    { scanner: 'one', verdict: 'failed', failure: 'timeout' },
  ]);
  assert.ok(cut);
});
