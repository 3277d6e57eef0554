/** Lines that all sections of RESULTS.md are made of. */
import type { Machine } from './machine.ts';

export function ranOn({ date, machine, node }: Machine): string {
  return `- ${date}; ${machine}; Node ${node}.`;
}

export function table(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(line)];
}
