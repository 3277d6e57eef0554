/** Thread of campaign.ts: ends the process where one case runs for too long, and says which. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const { shared, again, caseMsMax } = workerData as {
  shared: Float64Array;
  again: string;
  caseMsMax: number;
};
let seen = shared[0];
let sinceMs = performance.now();

setInterval(() => {
  if (shared[0] !== seen) {
    seen = shared[0];
    sinceMs = performance.now();
  } else if (performance.now() - sinceMs > caseMsMax) {
    writeSync(
      2,
      `a case takes more than ${caseMsMax} ms; again: ${again.replace('SEED=0', `SEED=${seen}`)}\n`,
    );
    process.kill(process.pid, 'SIGKILL');
  }
}, 500);
