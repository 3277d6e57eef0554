import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { control } from '@sallyport/cli/control.ts';
import { freePorts } from '@sallyport/cli/demo/free-ports.ts';
import { statusText } from '@sallyport/cli/status-text.ts';
import { type NodeConfig, parseConfig } from '@sallyport/shared/config/config.ts';
import type { ProcessName } from '@sallyport/shared/config/home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { runAdmin } from '@sallyport/shared/processes/admin/run.ts';
import type { NodeStatus } from '@sallyport/shared/processes/admin/status.ts';
import type { Handlers } from '@sallyport/shared/processes/ipc/peer.ts';
import { createLog } from '@sallyport/shared/processes/log.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { openBoard } from '../wires.ts';

const counter = (name: string, value: number) => ({
  head: [{ name, help: 'h', type: 'counter', aggregator: 'sum', values: [{ value, labels: {} }] }],
});

/** What the four other processes answer when all is well. */
const healthy = (): Record<Exclude<ProcessName, 'admin'>, Record<string, unknown>> => ({
  guard: {
    status: {
      head: {
        policy: { version: 3, appliedAtMs: 1_000 },
        clock: { peerAheadMs: -3, apart: false },
        lanes: {
          out: [{ lane: 'outer-1/inner-1/import/interactive', head: 7, acknowledged: 5 }],
          in: [{ lane: 'inner-1/outer-1/export/interactive', contiguous: 4, beyond: [6], head: 6 }],
        },
        queues: { outbox: 1, waiting: 2, inbound: 0 },
        audit: { sequence: 12 },
      },
    },
    'store-check': {},
    'policy-show': { head: { version: 3 }, body: Buffer.from('bundle') },
    metrics: counter('calls_total', 5),
  },
  signer: {
    health: { head: { ok: true } },
    status: { head: { ok: true } },
    metrics: counter('calls_total', 2),
  },
  edge: { status: { head: { listening: true } }, metrics: { head: 'rubbish' } },
  plugins: { status: { head: { files: 1 } }, metrics: { head: [] } },
  scanner: {
    health: { head: { ok: true } },
    status: { head: { ok: true } },
    metrics: { head: [] },
  },
  mover: {
    status: {
      head: {
        out: { kind: 'link', state: 'up', packages: 7, bytes: 2048, lastMs: 1_000, detail: '' },
        in: { kind: 'link', state: 'up', packages: 5, bytes: 9, detail: '' },
      },
    },
    metrics: { head: [] },
  },
});

interface Node {
  readonly dir: string;
  readonly url: string;
  readonly processes: Map<ProcessName, { close(): void }>;
  readonly answers: ReturnType<typeof healthy>;
}

async function startNode(t: TestContext, change: Partial<{ paired: boolean }> = {}): Promise<Node> {
  const dir = temporaryFolder();
  mkdirSync(join(dir, 'run'));
  const [port = 0] = await freePorts(1);
  const config = parseConfig(configText(port), 'config.yaml');
  writeFileSync(join(dir, 'config.yaml'), configText(port));
  const answers = healthy();
  const board = openBoard();
  const processes: Node['processes'] = new Map();
  for (const name of Object.keys(answers) as (keyof typeof answers)[]) {
    const handlers: Handlers = Object.fromEntries(
      Object.keys(answers[name]).map((verb) => [
        verb,
        () => {
          const answer = answers[name][verb];
          if (answer instanceof Error) throw answer;
          return answer as { head?: unknown };
        },
      ]),
    );
    const { wires, leave } = board.join(name);
    const link = wires('admin')(handlers);
    const close = (): void => {
      leave();
      link.close();
    };
    processes.set(name, { close });
  }
  const peer = change.paired === false ? undefined : fakePeer;
  const { wires, leave } = board.join('admin');
  const admin = await runAdmin({ dir, config, peer, wires, log: quietLog() });
  await until(async () => isAnswered(await control(dir, 'status')));
  t.after(async () => {
    leave();
    await admin.close();
    for (const one of processes.values()) one.close();
  });
  return { dir, url: `http://127.0.0.1:${port}`, processes, answers };
}

/** All four are wired. */
const isAnswered = ({ head }: { head: unknown }): boolean =>
  (head as NodeStatus).processes.every(({ told }) => told !== undefined);

const none = Buffer.alloc(0);
const fakePeer = {
  ...{ nodeId: 'inner-1', role: 'inner' as const, fingerprint: 'ab'.repeat(32) },
  ...{ caDer: none, signDer: none, decryptDer: none, auditDer: none },
} as const;

const quietLog = () => createLog('admin', 'error', { write: () => {} });

const configText = (port: number): string => `role: outer
node: outer-1
edge: { listen: { host: 127.0.0.1, port: 1 } }
management: { host: 127.0.0.1, port: ${port} }
channel:
  send: { kind: link, host: 127.0.0.1, port: 2 }
  receive: { kind: link, host: 127.0.0.1, port: 3 }
hsm: { kind: soft, file: f, pinFile: p }
`;

interface Ready {
  readonly ready: boolean;
  readonly checks: Record<string, boolean>;
}

const readyz = async (url: string): Promise<{ status: number; body: Ready }> => {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, body: (await response.json()) as Ready };
};

test('a healthy node is alive and ready', async (t) => {
  const { url } = await startNode(t);
  const alive = await fetch(`${url}/healthz`);
  assert.equal(alive.status, 200);
  assert.deepEqual(await alive.json(), { alive: true });
  const { status, body } = await readyz(url);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.ready, true);
});

test('each thing that readiness needs makes the node unready when it fails', async (t) => {
  const { url, answers } = await startNode(t);
  const clock = { apart: false };
  const breaks: [string, () => void][] = [
    ['policy', () => Object.assign(answers.guard, { status: { head: { clock, policy: null } } })],
    ['clock', () => Object.assign(answers.guard, { status: { head: { policy: {} } } })],
    ['store', () => Object.assign(answers.guard, { 'store-check': new Error('disk') })],
    ['signer', () => Object.assign(answers.signer, { health: { head: { ok: false } } })],
    ['channel', () => Object.assign(answers.mover, { status: { head: { out: { state: 'up' } } } })],
    ['edge', () => Object.assign(answers.edge, { status: new Error('hung') })],
  ];
  for (const [check, spoil] of breaks) {
    const before = structuredClone({ ...answers, x: 0 });
    spoil();
    const { status, body } = await readyz(url);
    assert.equal(status, 503, check);
    const failed = Object.entries(body.checks).filter(([, holds]) => !holds);
    assert.deepEqual(failed, [[check, false]]);
    for (const name of Object.keys(answers) as (keyof typeof answers)[]) {
      Object.assign(answers[name], before[name]);
    }
  }
  assert.equal((await readyz(url)).status, 200, 'all was put back');
});

test('a node without a peer is not ready', async (t) => {
  const { url } = await startNode(t, { paired: false });
  const { status, body } = await readyz(url);
  assert.equal(status, 503);
  assert.equal(body.checks.peer, false);
});

test('a process that is away makes the node unready, and nothing else fails', async (t) => {
  const { url, processes, dir } = await startNode(t);
  await processes.get('guard')?.close();
  const { status, body } = await readyz(url);
  assert.equal(status, 503);
  assert.deepEqual([body.checks.policy, body.checks.store], [false, false]);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.match(await (await fetch(`${url}/metrics`)).text(), /process_up\{process="guard"\} 0/);
  const { head } = await control(dir, 'status');
  const guard = (head as NodeStatus).processes.find((one) => one.name === 'guard');
  assert.equal(guard?.told, undefined);
});

test('metrics of all processes come in one text, each under its own name', async (t) => {
  const { url } = await startNode(t);
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const text = await response.text();
  assert.match(text, /^calls_total\{process="guard"\} 5$/m);
  assert.match(text, /^calls_total\{process="signer"\} 2$/m);
  assert.match(text, /^sallyport_process_up\{process="edge"\} 1$/m);
  assert.match(text, /^process_resident_memory_bytes\{process="admin"\} \d+$/m);
});

test('no other route and no other method is answered', async (t) => {
  const { url } = await startNode(t);
  for (const [path, method] of [
    ['/', 'GET'],
    ['/healthz/', 'POST'],
    ['/Healthz', 'GET'],
    ['/metrics', 'DELETE'],
    ['/admin', 'GET'],
  ] as const) {
    const response = await fetch(url + path, { method });
    assert.equal(response.status, 404, `${method} ${path}`);
    assert.equal(response.headers.get('access-control-allow-origin'), null);
    assert.equal(response.headers.get('x-powered-by'), null);
  }
});

test('the control socket passes on what is listed and nothing else', async (t) => {
  const { dir, answers } = await startNode(t);
  const shown = await control(dir, 'policy-show');
  assert.deepEqual(shown.head, { version: 3 });
  assert.equal(shown.body.toString(), 'bundle');
  await assert.rejects(control(dir, 'store-check'), { code: 'IPC_VERB' });
  await assert.rejects(control(dir, 'sign'), { code: 'IPC_VERB' });
  const why = new SallyportError('POLICY_MISSING', 'no policy has been applied');
  Object.assign(answers.guard, { 'policy-show': why });
  await assert.rejects(control(dir, 'policy-show'), { code: 'POLICY_MISSING' });
});

test('status shows channels, lanes with their gaps, queues, policy and processes', async (t) => {
  const { dir } = await startNode(t);
  const status = (await control(dir, 'status')).head as NodeStatus;
  const text = statusText(status, 61_000);
  for (const line of [
    /^outer-1 {2}outer node {2}● ready$/m,
    /^peer +inner-1 \(inner\) {2}produce front turtle firm rival still …$/m,
    /^import +outer-1 → inner-1 {2}link 127\.0\.0\.1:2 {2}up {2}7 packages {2}2\.0 KiB {2}last 1 min ago$/m,
    /^ +interactive +sequence 7 {2}2 unacknowledged$/m,
    /^export +inner-1 → outer-1 {2}link 127\.0\.0\.1:3 {2}up/m,
    /^ +interactive +sequence 4 {2}gap: 1 missing$/m,
    /^policy +version 3, 1 min ago$/m,
    /^queues +outbox 1 {2}waiting 2 {2}inbound 0$/m,
    /^keys +soft keystore, no HSM {2}signs$/m,
    /^processes +● signer/m,
  ]) {
    assert.match(text, line);
  }
});

test('a status of which nothing is known is shown as unknown, never as good', () => {
  const config: NodeConfig = parseConfig(configText(9), 'config.yaml');
  const text = statusText(
    {
      ...{ node: 'outer-1', role: 'outer', peer: null, hsm: 'soft', channel: config.channel },
      ready: {
        ...{ peer: false, policy: false, signer: false, store: false, channel: false },
        ...{ clock: false, edge: false },
      },
      reasons: { clock: 'CLOCK_APART' },
      warnings: [],
      certificates: [],
      processes: [{ name: 'guard' }],
    },
    0,
  );
  assert.match(
    text,
    /not ready: peer, policy, signer, store, channel, clock \(CLOCK_APART\), edge/,
  );
  assert.match(text, /^policy +\?$/m);
  assert.match(text, /silent/);
  assert.doesNotMatch(text, / up |● ready| signs|no gap/);
});

test('a management address that is taken is said so', async (t) => {
  const { url, dir } = await startNode(t);
  const port = Number(new URL(url).port);
  const config = parseConfig(configText(port), 'config.yaml');
  const again = runAdmin({
    ...{ dir, config, peer: undefined, log: quietLog() },
    wires: openBoard().join('admin').wires,
  });
  await assert.rejects(again, { code: 'ADDRESS_IN_USE' });
});

test('asking a node that does not run says how to start it', async () => {
  const dir = temporaryFolder();
  await assert.rejects(control(dir, 'status'), { code: 'HOME_MISSING' });
  writeFileSync(join(dir, 'config.yaml'), '');
  await assert.rejects(control(dir, 'status'), { code: 'NODE_NOT_RUNNING' });
});
