/**
 * Two real nodes, made and run by the commands of an operator, a registry behind them, and between the inner
 * node and the registry a door that counts which change came how often.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { control } from '@sallyport/cli/control.ts';
import { type DemoChannel, type DemoPair, startPair } from '@sallyport/cli/demo/pair.ts';
import { type Registry, startRegistry } from '@sallyport/examples/citizen-registry/server.ts';
import type { ProcessName } from '@sallyport/shared/config/home.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import type { NodeStatus } from '@sallyport/shared/processes/admin/status.ts';
import type { ProcessesFile } from '@sallyport/shared/processes/supervise.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

export const root = join(import.meta.dirname, '../..');
export const sallyport = join(root, 'bin/sallyport');

export interface World {
  readonly dir: string;
  readonly pair: DemoPair;
  readonly registry: Registry;
  /** Street of a change of address → how often the registry was asked for it. */
  readonly changes: ReadonlyMap<string, number>;
  /** API key of the tax bureau. */
  readonly key: string;
  /** Starts a node that was stopped or killed; what it says goes to `said`. */
  start(role: Role): Started;
  /** SIGTERM to the node's supervisor; resolves when its lock is free. */
  stop(role: Role): Promise<void>;
  close(): Promise<void>;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  said(): string;
}

export interface WorldOptions {
  readonly channel?: DemoChannel;
  readonly hsm?: 'soft' | 'softhsm';
  /** How long an answer is of use; long, so that no storm outlasts it. */
  readonly deadlineMs?: number;
  /** Changes the config.yaml of both nodes. */
  readonly configure?: (text: string) => string;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { channel = 'link', hsm = 'soft', deadlineMs = 120_000, configure } = options;
  const dir = temporaryFolder();
  // Ends, where this fails half way, what it opened until then.
  await using opened = new AsyncDisposableStack();
  const registry = opened.adopt(await startRegistry({ count: 200, seed: 1 }), (one) => one.close());
  const door = opened.adopt(await openDoor(registry.url), (one) => one.close());
  const made = { dir, channel, hsm, say: () => {}, ...(configure && { configure }) };
  const pair = opened.adopt(await startPair(made), (one) => one.stop());
  const started = new Map<Role, Started>();
  opened.defer(async () => {
    await Promise.all([stop('outer'), stop('inner')]);
    await Promise.all([...started.values()].map(({ ended }) => ended));
  });
  const stop = async (role: Role): Promise<void> => {
    const { supervisor } = processesOf(pair[role]);
    if (isAlive(supervisor)) process.kill(supervisor, 'SIGTERM');
    await until(() => !isAlive(supervisor));
  };
  const prepare = async (): Promise<string> => {
    const { inner, outer, sallyport } = pair;
    const shown = await sallyport('consumer', 'key', 'issue', 'tax-bureau', '--dir', inner);
    await sallyport('policy', 'apply', policyAt(dir, door.url, deadlineMs), '--dir', inner);
    await untilReady(outer);
    await untilReady(inner);
    return shown.trim();
  };
  const key = await prepare();
  const all = opened.move();
  return {
    ...{ dir, pair, registry, changes: door.changes, key, stop },
    close: () => all.disposeAsync(),
    start(role) {
      const fresh = run(pair[role]);
      started.set(role, fresh);
      return fresh;
    },
  };
}

/** `sallyport run` as a process of its own. */
export function run(home: string, env: NodeJS.ProcessEnv = process.env): Started {
  const child = spawn(sallyport, ['run', '--dir', home], {
    env: { ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // However this process ends, its nodes do not outlive it.
  const end = (): void => void child.kill('SIGTERM');
  process.once('exit', end);
  child.once('close', () => process.off('exit', end));
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, said: () => said };
}

/** The sample policy for this registry, with answers that are of use for long. */
function policyAt(dir: string, url: string, deadlineMs: number): string {
  const policyDir = join(dir, 'policy');
  cpSync(join(root, 'examples/citizen-registry/policy'), policyDir, { recursive: true });
  const file = join(policyDir, 'policy.yaml');
  const text = readFileSync(file, 'utf8')
    .replaceAll('http://127.0.0.1:9100', url)
    .replaceAll(/^( +)match:/gm, `$1deadlineMs: ${deadlineMs}\n$1match:`);
  writeFileSync(file, text);
  return file;
}

interface Door {
  readonly url: string;
  readonly changes: Map<string, number>;
  close(): Promise<void>;
}

/** Hands everything on to the registry; counts a change when its request is whole. */
async function openDoor(registryUrl: string): Promise<Door> {
  const changes = new Map<string, number>();
  const hand = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(request);
    if (request.method === 'POST') {
      const { street } = JSON.parse(body) as { street: string };
      changes.set(street, (changes.get(street) ?? 0) + 1);
    }
    const answer = await fetch(registryUrl + request.url, {
      method: request.method ?? 'GET',
      ...(request.method === 'POST' && { body }),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(await answer.text());
  };
  // A service that closes idle connections when it says so meets, on a busy machine, calls on their way.
  const server = createServer({ keepAliveTimeoutBuffer: 60_000 }, (request, response) => {
    // The registry is gone when the world ends.
    hand(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    changes,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

/** Between two looks at a node: to ask it is work for it. */
const lookMs = 50;

/** What the supervisor wrote of its processes. */
export function processesOf(home: string): ProcessesFile {
  return JSON.parse(readFileSync(join(home, 'run/processes.json'), 'utf8')) as ProcessesFile;
}

export const pidOf = (home: string, name: ProcessName): number =>
  processesOf(home).processes[name].pid ?? 0;

export function isAlive(pid: number): boolean {
  try {
    // A zombie has a pid and is dead all the same.
    return !/^\S+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export const statusOf = async (home: string): Promise<NodeStatus> =>
  (await control(home, 'status')).head as NodeStatus;

/** One lane of each direction as the guard sees it. */
export interface Lanes {
  readonly out: { readonly head: number; readonly inFlight: number };
  readonly in: { readonly contiguous: number; readonly head: number; readonly beyond: number[] };
}

export async function lanesOf(home: string): Promise<Lanes> {
  const { processes } = await statusOf(home);
  const told = processes.find(({ name }) => name === 'guard')?.told;
  const lanes = told?.lanes as { out: [Lanes['out']]; in: [Lanes['in']] } | undefined;
  if (!lanes) throw new Error('the guard is away');
  return { out: lanes.out[0], in: lanes.in[0] };
}

/** Nothing waits for a receipt and no sequence is missing, on either side. */
export async function isSettled({ outer, inner }: DemoPair): Promise<boolean> {
  await sleep(lookMs);
  const all = await Promise.all([lanesOf(outer), lanesOf(inner)]).catch(() => []);
  return (
    all.length === 2 &&
    all.every(
      ({ out, in: back }) =>
        out.inFlight === 0 && back.contiguous === back.head && back.beyond.length === 0,
    )
  );
}

export async function untilReady(home: string, withinMs?: number): Promise<void> {
  await until(async () => {
    await sleep(lookMs);
    const status = await statusOf(home).catch(() => undefined);
    return status !== undefined && Object.values(status.ready).every(Boolean);
  }, withinMs);
}

export const sleep = (ms: number): Promise<void> => pause(ms);

/** Copies a home's config aside, so that a test may change it and put it back. */
export function keepConfig(home: string): () => void {
  const file = join(home, 'config.yaml');
  copyFileSync(file, `${file}.kept`);
  return () => copyFileSync(`${file}.kept`, file);
}

export function editConfig(home: string, change: (text: string) => string): void {
  const file = join(home, 'config.yaml');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

export function makeDirectory(...parts: string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true });
  return path;
}
