/** When and on what a bench ran: stands in every report. */
import { cpus, totalmem } from 'node:os';

export interface Machine {
  /** UTC, YYYY-MM-DD. */
  readonly date: string;
  readonly machine: string;
  readonly node: string;
}

export function machine(): Machine {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.version,
  };
}
