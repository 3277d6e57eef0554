/**
 * Notices a process that hangs (stopped, in an endless loop, in a call that does not return) and kills it: a
 * hung process holds its sockets and its callers, a dead one is replaced.
 *
 *   every livenessPingMs ──▶ a byte to its stdin ──▶ its report `alive`
 *   livenessMissesMax pings without any report ──▶ SIGKILL
 *
 * A process that is starved is not hung, and killing it would make a busy machine busier: a ping that went
 * unanswered while the process mostly waited for a processor counts only as much as it ran meanwhile. So an
 * endless loop has its time too, in time of its own.
 *
 * Until its first report a process loads its code: livenessStartMissesMax.
 *
 * Pings are counted, not milliseconds: a supervisor that was itself stopped for an hour kills nobody.
 */
import type { ChildProcess } from 'node:child_process';
import { limits } from '../limits.ts';
import { type ProcessorTime, processorTimeOf } from './processor-time.ts';

export interface Life {
  /** It reported something. */
  sign(): void;
  /** It was killed for its silence. */
  readonly hung: boolean;
}

/** Watches one process from its start to its end. */
export function watchLife(
  child: ChildProcess,
  pingMs: number = limits.livenessPingMs,
  look: (pid: number | undefined) => ProcessorTime | undefined = processorTimeOf,
): Life {
  let misses = 0;
  let missesMax: number = limits.livenessStartMissesMax;
  /** What it had done when it was asked; undefined where it answered. */
  let asked: { readonly atPing: ProcessorTime | undefined } | undefined;
  let hung = false;
  const timer = setInterval(() => {
    // Once asked to end it has the time that it has for that.
    if (!child.stdin?.writable) return clearInterval(timer);
    const now = look(child.pid);
    if (asked) misses += missOf(asked.atPing, now, pingMs);
    if (misses >= missesMax) {
      hung = true;
      clearInterval(timer);
      child.kill('SIGKILL');
      return;
    }
    asked = { atPing: now };
    child.stdin.write('\n');
  }, pingMs);
  child.once('close', () => clearInterval(timer));
  return {
    sign() {
      misses = 0;
      missesMax = limits.livenessMissesMax;
      asked = undefined;
    },
    get hung() {
      return hung;
    },
  };
}

/** From 0 to 1: how much of a ping's time the process could have answered in. */
function missOf(
  then: ProcessorTime | undefined,
  now: ProcessorTime | undefined,
  pingMs: number,
): number {
  if (!then || !now) return 1;
  const ranMs = now.ranMs - then.ranMs;
  const waitedMs = now.waitedMs - then.waitedMs;
  const starved = ranMs < pingMs / 2 && (now.runnable || waitedMs > pingMs / 2);
  return starved ? ranMs / pingMs : 1;
}
