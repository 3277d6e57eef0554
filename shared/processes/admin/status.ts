/** The state of the whole node, gathered from its processes; tolerant of any being away. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NodeConfig } from '../../config/config.ts';
import { homePaths, type ProcessName, processesOf } from '../../config/home.ts';
import type { Peer } from '../../pairing/peer.ts';
import type { Role } from '../../ports.ts';
import type { ProcessesFile } from '../supervise.ts';
import type { ProcessState } from '../supervise-child.ts';
import type { Asking } from './ask.ts';
import { checkReady, type Readiness, type Reasons, type Warning } from './ready.ts';

export interface AdminOptions {
  /** The node's home: '.' in a process of its own. */
  readonly dir: string;
  readonly config: NodeConfig;
  readonly peer: Peer | undefined;
}

export interface ProcessStatus extends Partial<ProcessState> {
  readonly name: ProcessName;
  readonly memoryBytes?: number;
  /** What the process itself says; absent where it does not answer. */
  readonly told?: Readonly<Record<string, unknown>>;
}

/** What the control verb `status` answers. */
export interface NodeStatus {
  readonly node: string;
  readonly role: Role;
  readonly ready: Readiness;
  readonly reasons: Reasons;
  readonly warnings: readonly Warning[];
  readonly peer: {
    readonly node: string;
    readonly role: Role;
    readonly fingerprint: string;
  } | null;
  readonly hsm: string;
  readonly channel: NodeConfig['channel'];
  readonly certificates: readonly { readonly name: string; readonly notAfterMs: number }[];
  readonly processes: readonly ProcessStatus[];
}

export async function gatherStatus(options: AdminOptions, asking: Asking): Promise<NodeStatus> {
  const { config, dir, peer } = options;
  const states = readStates(dir);
  const [{ ready, reasons, warnings }, processes] = await Promise.all([
    checkReady(peer !== undefined, asking),
    Promise.all(processesOf(config).map((name) => statusOf(name, states[name], asking))),
  ]);
  return {
    node: config.node,
    role: config.role,
    ready,
    reasons,
    warnings,
    peer: peer ? { node: peer.nodeId, role: peer.role, fingerprint: peer.fingerprint } : null,
    hsm: config.hsm.kind,
    channel: config.channel,
    certificates: certificateEnds(dir),
    processes,
  };
}

async function statusOf(
  name: ProcessName,
  state: ProcessState | undefined,
  asking: Asking,
): Promise<ProcessStatus> {
  const told = name === 'admin' ? {} : (await asking.try(name, 'status'))?.head;
  const memoryBytes = await residentBytes(name, asking);
  return {
    name,
    ...state,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(isRecord(told) ? { told } : {}),
  };
}

/** The supervisor's file; without one (each process its own unit) nothing is known from there. */
export function readStates(dir: string): Partial<ProcessesFile['processes']> {
  try {
    const file = JSON.parse(readFileSync(homePaths(dir).processes, 'utf8')) as ProcessesFile;
    return file.processes;
  } catch {
    return {};
  }
}

/** As each process counts it itself: admin may not look into others. */
async function residentBytes(name: ProcessName, asking: Asking): Promise<number | undefined> {
  if (name === 'admin') return process.memoryUsage.rss();
  const metrics = (await asking.try(name, 'metrics'))?.head;
  const all = Array.isArray(metrics) ? metrics.filter(isRecord) : [];
  const values = all.find((one) => one.name === 'process_resident_memory_bytes')?.values;
  const value: unknown = Array.isArray(values) ? values[0]?.value : undefined;
  return typeof value === 'number' ? value : undefined;
}

function certificateEnds(dir: string): { name: string; notAfterMs: number }[] {
  const paths = homePaths(dir);
  const files = [
    ...(['ca', 'sign', 'decrypt', 'audit'] as const).map((n) => [n, paths.certificate(n)] as const),
    ...(['edge', 'link'] as const).map((n) => [n, paths.tlsCertificate(n)] as const),
  ];
  return files.flatMap(([name, file]) => {
    try {
      return [{ name, notAfterMs: new X509Certificate(readFileSync(file)).validToDate.getTime() }];
    } catch {
      return [];
    }
  });
}

/** Narrows what another process answered to an object. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
