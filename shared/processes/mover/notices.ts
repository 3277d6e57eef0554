/**
 * What the mover tells the guard: files in packed lists, refusals counted, both seldom enough that
 * a hostile far end cannot make the guard busy.
 */
import type { ErrorCode } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { IpcLink } from '../ipc/socket.ts';

export interface Notices {
  /** Dropped while the guard is away: it is told everything again when it comes back. */
  files(verb: 'sent' | 'collected', names: readonly string[]): void;
  /**
   * Kept and counted until the guard is there; at most one notice a code in moverRefusalNoticeMs.
   */
  refused(code: ErrorCode, detail: string): void;
  /** Refusals since the start, by code. */
  refusals(): Readonly<Partial<Record<ErrorCode, number>>>;
  close(): void;
}

export function createNotices(guard: Pick<IpcLink, 'notify' | 'connected'>): Notices {
  const waiting = { sent: new Set<string>(), collected: new Set<string>() };
  const untold = new Map<ErrorCode, { count: number; detail: string }>();
  const totals: Partial<Record<ErrorCode, number>> = {};
  let flushing: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;

  const flushFiles = (): void => {
    flushing = undefined;
    for (const verb of ['sent', 'collected'] as const) {
      const names = [...waiting[verb]];
      waiting[verb].clear();
      for (let at = 0; at < names.length; at += limits.moverFilesPerNoticeMax) {
        guard.notify(verb, { files: names.slice(at, at + limits.moverFilesPerNoticeMax) });
      }
    }
  };
  const flushRefusals = (): void => {
    timer = untold.size === 0 ? undefined : setTimeout(flushRefusals, limits.moverRefusalNoticeMs);
    if (!guard.connected) return;
    for (const [code, { count, detail }] of untold)
      guard.notify('refused', { code, detail, count });
    untold.clear();
  };
  return {
    files(verb, names) {
      for (const name of names) waiting[verb].add(name);
      flushing ??= setImmediate(flushFiles);
    },
    refused(code, detail) {
      totals[code] = (totals[code] ?? 0) + 1;
      untold.set(code, { count: (untold.get(code)?.count ?? 0) + 1, detail });
      if (!timer) flushRefusals();
    },
    refusals: () => totals,
    close() {
      clearImmediate(flushing);
      clearTimeout(timer);
    },
  };
}
