/** CPU time by the kernel's own accounting: nanoseconds on a processor, all threads of a process. */
import { readdirSync, readFileSync } from 'node:fs';

/** 0 where the process is gone. */
function cpuNs(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
      const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
      return sum + Number(onCpu);
    }, 0);
  } catch {
    return 0;
  }
}

export type CpuByProcess = Readonly<Record<string, number>>;

/** Nanoseconds used so far by each named process. */
export function readCpu(pids: Readonly<Record<string, number>>): CpuByProcess {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuNs(pid)]));
}

export function cpuBetween(before: CpuByProcess, after: CpuByProcess): CpuByProcess {
  return Object.fromEntries(
    Object.entries(after).map(([name, ns]) => [name, ns - (before[name] ?? 0)]),
  );
}
