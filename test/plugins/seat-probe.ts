/**
 * Runs one plug-in in a seat as a node does, without the flag that forbids code made of text: what gets hold
 * of a function of the realm around its own shows by the code with which the thread ends:
 * `seat-probe.ts SOURCE`
 */
import { Worker } from 'node:worker_threads';

const [source = ''] = process.argv.slice(2);
const ask = { verb: 'ask', kind: 'transform', options: {}, items: ['go'] };
const seat = new Worker(new URL('../../shared/plugins/seat.ts', import.meta.url), {
  workerData: { source, isTypeScript: false },
  stdout: true,
  stderr: true,
});
let asked = 0;
seat.on('message', () => {
  asked += 1;
  // The second finds what the first left undone.
  if (asked <= 2) seat.postMessage({ text: JSON.stringify(ask) });
  else void seat.terminate();
});
seat.on('error', () => console.log('looked at'));
seat.on('exit', (code) => console.log(`asked ${asked}, ended ${code}`));
