/**
 * What the mover tells the guard: files in packed lists, refusals counted, both seldom enough that
 * a hostile far end cannot make the guard busy.
 */
import type { ErrorCode } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { IpcLink } from '../ipc/wire.ts';

export interface Notices {
  /** At once. Dropped while the guard is away: it is told everything again when it comes back. */
  collected(names: readonly string[]): void;
  /** Gathered for moverSentNoticeMs, for nobody waits for it; with the time of each. */
  sent(names: readonly string[]): void;
  /**
   * Kept and counted until the guard is there; at most one notice a code in moverRefusalNoticeMs.
   */
  refused(code: ErrorCode, detail: string): void;
  /** Refusals since the start, by code. */
  refusals(): Readonly<Partial<Record<ErrorCode, number>>>;
  close(): void;
}

export function createNotices(guard: Pick<IpcLink, 'notify' | 'connected'>): Notices {
  const collected = new Set<string>();
  const sent = new Map<string, number>();
  const untold = new Map<ErrorCode, { count: number; detail: string }>();
  const totals: Partial<Record<ErrorCode, number>> = {};
  let telling: NodeJS.Immediate | undefined;
  let gathering: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;

  const tellCollected = (): void => {
    telling = undefined;
    for (const files of inNotices([...collected])) guard.notify('collected', { files });
    collected.clear();
  };
  const tellSent = (): void => {
    gathering = undefined;
    for (const part of inNotices([...sent])) {
      const files = part.map(([name]) => name);
      guard.notify('sent', { files, atMs: part.map(([, atMs]) => atMs) });
    }
    sent.clear();
  };
  const flushRefusals = (): void => {
    timer = untold.size === 0 ? undefined : setTimeout(flushRefusals, limits.moverRefusalNoticeMs);
    if (!guard.connected) return;
    for (const [code, { count, detail }] of untold)
      guard.notify('refused', { code, detail, count });
    untold.clear();
  };
  return {
    collected(names) {
      for (const name of names) collected.add(name);
      telling ??= setImmediate(tellCollected);
    },
    sent(names) {
      for (const name of names) sent.set(name, Date.now());
      gathering ??= setTimeout(tellSent, limits.moverSentNoticeMs);
    },
    refused(code, detail) {
      totals[code] = (totals[code] ?? 0) + 1;
      untold.set(code, { count: (untold.get(code)?.count ?? 0) + 1, detail });
      if (!timer) flushRefusals();
    },
    refusals: () => totals,
    close() {
      clearImmediate(telling);
      clearTimeout(gathering);
      clearTimeout(timer);
    },
  };
}

function inNotices<T>(all: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < all.length; at += limits.moverFilesPerNoticeMax) {
    parts.push(all.slice(at, at + limits.moverFilesPerNoticeMax));
  }
  return parts;
}
