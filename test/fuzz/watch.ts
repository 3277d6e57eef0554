/**
 * Thread of campaign.ts: ends the process where one case runs for too long, and says which. A loop shows in
 * processor time, which a busy machine does not stretch; a wait that never ends shows by the clock alone.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { shared, again, caseMsMax, waitMsMax } = workerData as {
  shared: Float64Array;
  again: string;
  caseMsMax: number;
  waitMsMax: number;
};
let seen = shared[0];
let sinceMs = performance.now();
let cpuMs = usedMs();

setInterval(() => {
  if (shared[0] !== seen) {
    seen = shared[0];
    sinceMs = performance.now();
    cpuMs = usedMs();
  } else if (usedMs() - cpuMs > caseMsMax || performance.now() - sinceMs > waitMsMax) {
    writeSync(2, `a case does not end; again: ${again.replace('SEED=0', `SEED=${seen}`)}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}, 500);

/** Processor time of the whole process. */
function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
