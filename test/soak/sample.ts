/** What a node's processes and files take, from the kernel and the file system, not from what they say. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ProcessName, processNames } from '@sallyport/shared/config/home.ts';
import { processesOf } from '../faults/world.ts';

export interface ProcessSample {
  readonly pid: number;
  readonly rssBytes: number;
  /** V8's heap in use, as the process itself counts it; 0 where it does not say. */
  readonly heapBytes: number;
  readonly fds: number;
  readonly sockets: number;
  readonly threads: number;
}

export interface FilesSample {
  readonly storeBytes: number;
  readonly walBytes: number;
  readonly spoolFiles: number;
  readonly archiveBytes: number;
  readonly logBytes: number;
  /** Half-written files, wherever they are. */
  readonly temporaryFiles: number;
}

export interface NodeSample {
  readonly processes: Readonly<Record<ProcessName, ProcessSample>>;
  readonly files: FilesSample;
}

/** `managementUrl`: where the node answers /metrics. */
export async function sampleNode(home: string, managementUrl: string): Promise<NodeSample> {
  const { processes } = processesOf(home);
  const heaps = await heapsOf(managementUrl);
  const sampled = processNames.map((name) => {
    const pid = processes[name].pid ?? 0;
    return [name, { ...sampleProcess(pid), heapBytes: heaps.get(name) ?? 0 }] as const;
  });
  return {
    processes: Object.fromEntries(sampled) as NodeSample['processes'],
    files: sampleFiles(home),
  };
}

function sampleProcess(pid: number): Omit<ProcessSample, 'heapBytes'> {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const number = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
  return {
    pid,
    rssBytes: number('VmRSS') * 1024,
    fds: links.length,
    sockets: links.filter((link) => link.startsWith('socket:')).length,
    threads: number('Threads'),
  };
}

async function heapsOf(managementUrl: string): Promise<Map<string, number>> {
  const response = await fetch(`${managementUrl}/metrics`).catch(() => undefined);
  const text = (await response?.text()) ?? '';
  const lines = text.matchAll(/^nodejs_heap_size_used_bytes\{.*process="(\w+)".*\} (\S+)/gm);
  return new Map([...lines].map(([, name = '', bytes]) => [name, Number(bytes)]));
}

export function sampleFiles(home: string): FilesSample {
  const store = filesIn(join(home, 'data'));
  const spool = filesIn(join(home, 'spool'));
  const everything = [...store, ...spool, ...filesIn(join(home, 'archive'))];
  const bytesOf = (files: readonly File[]): number =>
    files.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    storeBytes: bytesOf(store.filter(({ name }) => name.endsWith('.db'))),
    walBytes: bytesOf(store.filter(({ name }) => name.endsWith('-wal'))),
    spoolFiles: spool.length,
    archiveBytes: bytesOf(filesIn(join(home, 'archive'))),
    logBytes: bytesOf(filesIn(join(home, 'log'))),
    temporaryFiles: everything.filter(({ name }) => /^\.|\.tmp$|\.part$/.test(name)).length,
  };
}

interface File {
  readonly name: string;
  readonly bytes: number;
}

function filesIn(dir: string): File[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) return [];
    const bytes = statSync(path, { throwIfNoEntry: false })?.size;
    return bytes === undefined ? [] : [{ name: entry.name, bytes }];
  });
}
