/** What a process did with its time, as the kernel counts it (`/proc/<pid>`). */
import { readFileSync } from 'node:fs';

/** Of the main thread, on which the event loop turns. */
export interface ProcessorTime {
  /** On a processor, ms. */
  readonly ranMs: number;
  /** Able to run, without a processor, ms; a wait that goes on is counted when it is over. */
  readonly waitedMs: number;
  /** On a processor or waiting for one now: it neither sleeps nor is it stopped. */
  readonly runnable: boolean;
}

/** Undefined where the process is gone, or the kernel does not say. */
export function processorTimeOf(pid: number | undefined): ProcessorTime | undefined {
  try {
    const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
    // A kernel that does not count writes zeros.
    if (!ran || waited === undefined) return undefined;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may have any character in it.
    const runnable = stat.startsWith(') R ', stat.lastIndexOf(')'));
    return { ranMs: ran / 1e6, waitedMs: waited / 1e6, runnable };
  } catch {
    return undefined;
  }
}
