/**
 * One plug-in at work: a worker that is started when it is needed, asked one question at a time, ended
 * when it takes too long, and left alone for a while when it keeps failing.
 *
 *   run ──▶ wait in line ──▶ start, where there is no worker ──▶ ask ──▶ answer
 *                              └─ late ──┐                       └─ late, dead, threw
 *                                        └──▶ end the worker ──▶ PLUGIN_FAILED, and the next in line
 *                                               └─ it cannot be ended ──▶ the process ends
 *
 * Some functions of the language run on for hours where nothing can end their thread: then all of the
 * process ends, and is started anew.
 */
import { Worker } from 'node:worker_threads';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { PluginFile } from './folder.ts';
import type { Broken, SeatAsk, SeatData, SeatSays } from './seat.ts';

export interface PluginWorker {
  /**
   * A JSON text in, a JSON text out; its tools know the `secrets` for this one question. Errors:
   * PLUGIN_FAILED, PLUGIN_REFUSED where the file is no plug-in.
   */
  run(text: string, secrets?: SeatAsk['secrets']): Promise<string>;
  readonly state: WorkerState;
  /** How often it took too long. */
  readonly timeouts: number;
  close(): Promise<void>;
}

/** `resting`: it failed too often; `idle`: it is started when it is needed. */
export type WorkerState = 'idle' | 'running' | 'resting';

export function createPluginWorker({ source, isTypeScript, digest }: PluginFile): PluginWorker {
  let worker: Worker | undefined;
  let line: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let failures = 0;
  let restUntilMs = 0;
  let timeouts = 0;
  /** Who waits for what the worker says next. */
  let settle: ((said: SeatSays | SallyportError) => void) | undefined;

  const start = (): Worker => {
    const workerData: SeatData = { source, isTypeScript };
    const fresh = new Worker(new URL('./seat.ts', import.meta.url), {
      workerData,
      env: {},
      argv: [],
      name: `plugin ${digest.slice(0, 8)}`,
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: {
        maxOldGenerationSizeMb: limits.pluginHeapMbMax,
        maxYoungGenerationSizeMb: 8,
        stackSizeMb: 2,
      },
    });
    // Nothing that it may print is ours.
    fresh.stdout.resume();
    fresh.stderr.resume();
    // Of one that was ended nothing counts any more.
    const hear = (said: SeatSays | SallyportError): void => {
      if (worker === fresh) settle?.(said);
    };
    fresh.on('message', hear);
    fresh.on('error', (thrown) => hear(failed(reasonOf(thrown))));
    fresh.on('exit', () => {
      hear(failed('ended'));
      if (worker === fresh) worker = undefined;
    });
    return fresh;
  };
  const next = (timeoutMs: number, begin: () => void): Promise<SeatSays> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        timeouts += 1;
        settle?.(failed('took too long'));
      }, timeoutMs);
      settle = (said) => {
        settle = undefined;
        clearTimeout(timer);
        if (said instanceof SallyportError) reject(said);
        else if ('broken' in said) reject(broken(said.broken));
        else resolve(said);
      };
      try {
        begin();
      } catch {
        settle(failed('could not be started'));
      }
    });
  const end = async (): Promise<void> => {
    const old = worker;
    worker = undefined;
    if (old === undefined) return;
    const stuck = setTimeout(() => process.kill(process.pid, 'SIGKILL'), limits.pluginEndMs);
    await old.terminate();
    clearTimeout(stuck);
  };
  const ask = async (question: SeatAsk): Promise<string> => {
    if (performance.now() < restUntilMs) throw failed('failed too often and rests');
    try {
      if (worker === undefined) {
        await next(limits.pluginStartMs, () => {
          worker = start();
        });
      }
      const said = await next(limits.pluginCallMs, () => worker?.postMessage(question));
      if (!('text' in said)) throw failed('spoke out of turn');
      failures = 0;
      return said.text;
    } catch (thrown) {
      // It is as it was: who can make it throw must not make it rest for others.
      if (thrown === threw) throw threw;
      failures += 1;
      if (failures >= limits.pluginFailuresMax) {
        failures = 0;
        restUntilMs = performance.now() + limits.pluginRestMs;
      }
      await end();
      throw asSallyportError(thrown);
    }
  };
  return {
    run(text, secrets) {
      if (waiting >= limits.pluginQueueMax) return Promise.reject(failed('has too many waiting'));
      waiting += 1;
      const turn = line.then(() => ask({ text, secrets }));
      line = turn.catch(() => {}).finally(() => (waiting -= 1));
      return turn;
    },
    get state() {
      if (performance.now() < restUntilMs) return 'resting';
      return worker === undefined ? 'idle' : 'running';
    },
    get timeouts() {
      return timeouts;
    },
    async close() {
      restUntilMs = Number.POSITIVE_INFINITY;
      await end();
    },
  };
}

function reasonOf(thrown: unknown): string {
  const isMemory = (thrown as { code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return isMemory ? 'ran out of memory' : 'crashed';
}

function broken(why: Broken): SallyportError {
  switch (why) {
    case 'imports':
      return new SallyportError(
        'PLUGIN_REFUSED',
        'expected the word import nowhere but in "import type", got it elsewhere',
        { hint: 'bundle what the plug-in uses into its one file' },
      );
    case 'no module':
      return new SallyportError('PLUGIN_REFUSED', 'expected a module that loads, got another', {
        hint: 'run `sallyport plugin check` on the file',
      });
    case 'threw':
      return threw;
    case 'too large':
      return failed('gave too much');
  }
}

const threw = failed('threw');

/** Never with a text of the plug-in: it may hold a value. */
function failed(how: string): SallyportError {
  return new SallyportError('PLUGIN_FAILED', `expected an answer of the plug-in, it ${how}`, {
    hint: 'run `sallyport plugin check` on the file; the plug-in is started anew',
  });
}
