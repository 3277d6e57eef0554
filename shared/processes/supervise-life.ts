/**
 * Notices a process that hangs (stopped, in an endless loop, in a call that does not return) and kills it: a
 * hung process holds its sockets and its callers, a dead one is replaced.
 *
 *   every livenessPingMs ──▶ a byte to its stdin ──▶ its report `alive`
 *   livenessMissesMax pings without any report ──▶ SIGKILL
 *
 * Until its first report a process loads its code, which takes long on a busy machine, and killing it then
 * would make the machine busier: livenessStartMissesMax.
 *
 * Pings are counted, not milliseconds: a supervisor that was itself stopped for an hour kills nobody.
 */
import type { ChildProcess } from 'node:child_process';
import { limits } from '../limits.ts';

export interface Life {
  /** It reported something. */
  sign(): void;
  /** It was killed for its silence. */
  readonly hung: boolean;
}

/** Watches one process from its start to its end. */
export function watchLife(child: ChildProcess): Life {
  let unanswered = 0;
  let hung = false;
  let missesMax: number = limits.livenessStartMissesMax;
  const timer = setInterval(() => {
    // Once asked to end it has the time that it has for that.
    if (!child.stdin?.writable) return clearInterval(timer);
    if (unanswered >= missesMax) {
      hung = true;
      clearInterval(timer);
      child.kill('SIGKILL');
      return;
    }
    unanswered += 1;
    child.stdin.write('\n');
  }, limits.livenessPingMs);
  child.once('close', () => clearInterval(timer));
  return {
    sign() {
      unanswered = 0;
      missesMax = limits.livenessMissesMax;
    },
    get hung() {
      return hung;
    },
  };
}
