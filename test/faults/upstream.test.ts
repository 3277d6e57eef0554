/** A service that is ill behind a node that is well: what its consumer hears, and what it costs. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { eventsOf } from '@sallyport/cli/demo/trace.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { until } from '../until.ts';
import {
  drip,
  forEver,
  headOf,
  type Illness,
  type IllService,
  startIllService,
} from './ill-service.ts';
import { type Caller, createCaller, type Load, type Reply, startLoad } from './load.ts';
import { assertSound, summary } from './sound.ts';
import { isSettled, pidOf, startWorld, type World } from './world.ts';

const timeoutMs = 4_000;
const mebi = 1024 * 1024;
const json = '{"reference":"ac-000001"}';
const smuggled = `${headOf('content-length: 25')}{"reference":"ac-666666"}`;

/** What the service does → what the consumer is told. */
const illnesses: readonly [what: string, act: Illness, code: ErrorCode][] = [
  ['is silent', () => {}, 'UPSTREAM_TIMEOUT'],
  ['hangs up', (socket) => socket.end(), 'UPSTREAM_REFUSED'],
  [
    'resets in the middle of its answer',
    (socket) => socket.write(`${headOf('content-length: 900')}{`, () => socket.resetAndDestroy()),
    'UPSTREAM_REFUSED',
  ],
  ['answers garbage', (socket) => socket.write('\0\xffgarbage\r\n\r\n'), 'UPSTREAM_REFUSED'],
  [
    'sends headers without end',
    forEver(`x-more: ${'x'.repeat(1000)}\r\n`, 'HTTP/1.1 200 OK\r\n'),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'sends interim answers without end',
    drip('HTTP/1.1 103 Early Hints\r\n\r\n', 5),
    'UPSTREAM_TIMEOUT',
  ],
  [
    'promises 1 GB',
    forEver('x'.repeat(65_536), headOf('content-length: 1000000000')),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'sends 1 GB without a length',
    forEver(`10000\r\n${'x'.repeat(65_536)}\r\n`, headOf('transfer-encoding: chunked')),
    'UPSTREAM_TOO_LARGE',
  ],
  [
    'ends before its length',
    (socket) => socket.end(`${headOf('content-length: 900')}${json}`),
    'UPSTREAM_REFUSED',
  ],
  [
    'states less than it sends',
    (socket) => socket.write(`${headOf('content-length: 20')}${json}`),
    'RESPONSE_REFUSED',
  ],
  ['drips its body', drip('x', 50, headOf('content-length: 100000')), 'UPSTREAM_TIMEOUT'],
  ['drips its headers', drip('x', 50, 'HTTP/1.1 200 OK\r\nx-a: '), 'UPSTREAM_TIMEOUT'],
  [
    'nests JSON a million deep',
    (socket) => socket.write(`${headOf('content-length: 1000000')}${'['.repeat(1_000_000)}`),
    'RESPONSE_REFUSED',
  ],
  [
    'answers with what its schema does not know',
    (socket) => socket.write(`${headOf('content-length: 13')}{"secret":"x"}`),
    'RESPONSE_REFUSED',
  ],
];
const statusOfCode: Readonly<Partial<Record<ErrorCode, number>>> = {
  UPSTREAM_TIMEOUT: 504,
  UPSTREAM_REFUSED: 502,
  UPSTREAM_TOO_LARGE: 502,
  RESPONSE_REFUSED: 502,
};
const wellAt = illnesses.length;
const smugglesAt = wellAt + 1;
const giantAt = illnesses.findIndex(([what]) => what.includes('without a length'));

let world: World;
let service: IllService;
let caller: Caller;

before(async () => {
  service = await startIllService([
    ...illnesses.map(([, act]) => act),
    (socket) => socket.write(`${headOf('content-length: 25')}${json}`),
    (socket) => socket.write(`${headOf('content-length: 25')}${json}${smuggled}`),
  ]);
  world = await startWorld();
  caller = createCaller(world);
  const file = join(world.dir, 'policy/policy.yaml');
  writeFileSync(file, withService(readFileSync(file, 'utf8'), service.url));
  await world.pair.sallyport('policy', 'apply', file, '--dir', world.pair.inner);
  await until(async () => (await ask('GET', wellAt)).status === 201);
});
after(async () => {
  caller?.close();
  await world?.close();
  await service?.close();
});

/** The policy of the world, with a second service that the same consumer may call. */
function withService(policy: string, url: string): string {
  const response = '{ statuses: [201], schema: schemas/address-change.json }';
  const route = (name: string, method: string, body: string): string[] => [
    `      - name: ${name}`,
    `        match: { methods: [${method}], path: '/ill/{id}' }`,
    `        request: { params: schemas/citizen-id.json${body} }`,
    `        response: ${response}`,
  ];
  const added = [
    'services:',
    '  - name: ill-house',
    '    owner: civil-affairs',
    '    level: important',
    `    upstream: { targets: [{ url: '${url}' }], timeoutMs: ${timeoutMs} }`,
    '    routes:',
    ...route('read', 'GET', ''),
    ...route('change', 'POST', ', body: schemas/address.json'),
  ];
  const grant = [
    '  - consumer: tax-bureau',
    '    routes: [ill-house/read, ill-house/change]',
    '    fields: [$.reference]',
    '    until: 2030-12-31',
  ];
  return `${policy.replace(/^services:$/m, added.join('\n')).trimEnd()}\n${grant.join('\n')}\n`;
}

function ask(method: 'GET' | 'POST', number: number, by = caller): Promise<Reply> {
  const body = { province: '示例省', city: '示例市', district: '示例区', street: 'ill' };
  const path = `/ill/c-${String(number).padStart(6, '0')}`;
  return by.call(method, path, method === 'POST' ? { body } : {});
}

/** Calls of the other service while `work` goes on: every one of them is answered well. */
async function withOthers(t: TestContext, work: (load: Load) => Promise<void>) {
  const load = startLoad(t, world, 4, made++);
  await work(load);
  const ledger = await load.stop();
  t.diagnostic(`others: ${summary(ledger)}`);
  assertSound(world, ledger, { answered: 0.99 });
}
let made = 1;

const highWater = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** By how many MiB each of these processes grew at its largest while `work` went on. */
async function growthOf(work: () => Promise<void>): Promise<string[]> {
  const watched = (['guard', 'edge'] as const).map((name) => {
    const pid = pidOf(world.pair.inner, name);
    // Writing 5 sets the high water mark to what is used now (proc(5)).
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return { name, pid, before: highWater(pid) };
  });
  await work();
  return watched.map(({ name, pid, before }) => {
    const grown = highWater(pid) - before;
    assert.ok(grown < grownMax, `inner ${name} grew by ${grown} MiB`);
    return `inner ${name} grew by ${Math.round(grown)} MiB`;
  });
}
/** A few answers of the largest size, each held more than once on its way. */
const grownMax = 160;

test('each way to be ill has its code, is recorded, and no request is sent twice', async (t) => {
  const say = (line: string) => t.diagnostic(line);
  const ended: { what: string; exchange: string; code: ErrorCode }[] = [];
  await withOthers(t, async () => {
    const grown = await growthOf(async () => {
      await Promise.all(
        illnesses.flatMap(([what, , code], number) =>
          (['GET', 'POST'] as const).map(async (method) => {
            const { status, headers, body } = await ask(method, number);
            const told = `${method}: ${what}`;
            assert.deepEqual([body.code, status], [code, statusOfCode[code]], told);
            assert.equal(body.type, `urn:sallyport:error:${code}`);
            assert.equal(service.asked.get(`${method} ${number}`), 1, `${told}: asked once`);
            ended.push({ what: told, exchange: String(headers['sallyport-exchange']), code });
          }),
        ),
      );
    });
    say(grown.join(', '));
  });
  assert.ok(service.sentBytes < 128 * mebi, `it could send ${service.sentBytes} bytes`);
  await until(() => isSettled(world.pair));
  const inner = await eventsOf(world.pair.inner);
  const outer = await eventsOf(world.pair.outer);
  for (const { what, exchange, code } of ended) {
    const own = ({ exchangeId, code: told }: AuditEvent) =>
      exchangeId === exchange && told === code;
    const refusals = inner.filter((one) => one.event === 'refuse' && own(one));
    assert.equal(
      refusals.length,
      1,
      `${what}: ${code} is in the audit log of the inner node, once`,
    );
    assert.ok(outer.some(own), `${what}: ${code} is in the audit log of the outer node`);
  }
});

test('what follows an answer on its connection is nobody’s answer', async () => {
  for (let i = 0; i < 5; i += 1) {
    assert.equal((await ask('GET', smugglesAt)).body.reference, 'ac-000001');
    const { status, body } = await ask('GET', wellAt);
    assert.deepEqual([status, body.reference], [201, 'ac-000001']);
  }
});

/** What an answer of 1 GB beside many others may end with; too slow it is where the machine is. */
const turnedAway: ReadonlySet<string> = new Set([
  'UPSTREAM_TOO_LARGE',
  'UPSTREAM_UNREACHABLE',
  'UPSTREAM_TIMEOUT',
  'OVERLOADED',
]);

test('many answers of 1 GB at once take bounded memory, and others are answered', async (t) => {
  const say = (line: string) => t.diagnostic(line);
  await withOthers(t, async () => {
    const before = service.sentBytes;
    const grown = await growthOf(async () => {
      const replies = await Promise.all(Array.from({ length: 24 }, () => ask('GET', giantAt)));
      for (const { body } of replies)
        assert.ok(turnedAway.has(String(body.code)), String(body.code));
    });
    say(`${grown.join(', ')}; it sent ${Math.round((service.sentBytes - before) / mebi)} MiB`);
  });
});

test('more silent calls than there are connections: others are answered', async (t) => {
  const count = limits.upstreamConnectionsMax + 100;
  const callers = Array.from({ length: 5 }, () => createCaller(world));
  await withOthers(t, async () => {
    const replies = await Promise.all(
      Array.from({ length: count }, (_, i) => ask('GET', 0, callers[i % callers.length])),
    );
    const codes = new Map<string, number>();
    for (const { status, body } of replies) {
      const what = String(body.code ?? status);
      codes.set(what, (codes.get(what) ?? 0) + 1);
    }
    t.diagnostic(`${count} silent calls: ${[...codes].map((pair) => pair.join(' ')).join(', ')}`);
    // Who had no turn while its caller waited still waits.
    const foreseen = ['UPSTREAM_TIMEOUT', 'UPSTREAM_UNREACHABLE', 'OVERLOADED', '202'];
    assert.deepEqual(
      [...codes.keys()].filter((code) => !foreseen.includes(code)),
      [],
    );
  });
  for (const one of callers) one.close();
  assert.equal((await ask('GET', wellAt)).status, 201, 'and then it is called again');
});
