/**
 * A seat with code beside it in its thread that stands for what got out of its realm: tells what that can do
 * before the plug-in is loaded, and when it is asked. `seat-escaped.ts SOURCE`
 */
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const file = import.meta.filename;
if (isMainThread) {
  const seat = new Worker(new URL('../../shared/plugins/seat.ts', import.meta.url), {
    workerData: { source: process.argv[2], isTypeScript: false },
    execArgv: [...process.execArgv, '--import', file],
  });
  seat.on('message', (said) => {
    if ('ready' in said) seat.postMessage({ text: '{}' });
    if (!('before' in said)) return;
    console.log(JSON.stringify(said));
    void seat.terminate();
  });
} else {
  const before = triedAll();
  parentPort?.on('message', () => parentPort?.postMessage({ before, after: triedAll() }));
}

function triedAll(): object {
  const codeOf = (act: () => unknown): string => {
    try {
      act();
      return 'done';
    } catch (thrown) {
      return String(Reflect.get(Object(thrown), 'code'));
    }
  };
  return {
    read: codeOf(() => readFileSync(file)),
    // A thread with flags of its own would be under no permissions.
    thread: codeOf(() => void new Worker('', { eval: true, execArgv: [] }).terminate()),
  };
}
