/** How far a long work is: a bar on a terminal, a line now and then in a log. */
import { bytesText } from './amounts.ts';
import { tell } from './print.ts';

export interface Progress {
  at(bytes: number): void;
  end(): void;
}

/** `total` in bytes; what is told goes to stderr. */
export function showProgress(what: string, total: number): Progress {
  const isTerminal = process.stderr.isTTY === true;
  const everyMs = isTerminal ? 100 : 5_000;
  const startedMs = performance.now();
  let toldMs = isTerminal ? 0 : startedMs;
  const text = (bytes: number): string => {
    const share = total === 0 ? 1 : Math.min(1, bytes / total);
    const seconds = Math.max(0.001, (performance.now() - startedMs) / 1000);
    const speed = `${bytesText(bytes / seconds)}/s`;
    return `${what} ${bar(share, isTerminal)}${Math.floor(share * 100)}%, ${bytesText(bytes)}, ${speed}`;
  };
  return {
    at(bytes) {
      if (performance.now() - toldMs < everyMs) return;
      toldMs = performance.now();
      if (isTerminal) process.stderr.write(`\r\x1b[K${text(bytes)}`);
      else tell(text(bytes));
    },
    end() {
      if (isTerminal) process.stderr.write('\r\x1b[K');
    },
  };
}

const barWidth = 24;

function bar(share: number, isTerminal: boolean): string {
  if (!isTerminal) return '';
  const full = Math.round(share * barWidth);
  return `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}] `;
}
