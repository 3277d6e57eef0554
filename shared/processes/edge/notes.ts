/**
 * Log lines about what callers and services do wrong. Each code has so many lines in a window of time; what
 * comes beyond that is counted and told in one line at its end, so that nobody can flood the log.
 */
import type { Logger } from 'pino';
import type { EdgeLimits } from './limits.ts';

export interface Notes {
  /** `code` is from a closed set. The fields must hold nothing that a caller wrote. */
  note(code: string, fields: Readonly<Record<string, unknown>>, text: string): void;
  /** Tells what is still to be told. */
  close(): void;
}

export function createNotes(log: Logger, bounds: EdgeLimits): Notes {
  const lines = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  const endWindow = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const more: Record<string, number> = {};
    for (const [code, count] of lines) {
      if (count > bounds.edgeNotesMax) more[code] = count - bounds.edgeNotesMax;
    }
    lines.clear();
    if (Object.keys(more).length > 0) log.warn({ more }, 'more of the same were not logged');
  };
  return {
    note(code, fields, text) {
      const count = (lines.get(code) ?? 0) + 1;
      lines.set(code, count);
      timer ??= setTimeout(endWindow, bounds.edgeNotesWindowMs).unref();
      if (count <= bounds.edgeNotesMax) log.info({ code, ...fields }, text);
    },
    close: endWindow,
  };
}
