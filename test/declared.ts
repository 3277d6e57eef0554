/**
 * Values that must be nowhere in what a whole run of tests says and leaves: each test file declares its own,
 * the runner searches for all of them at the end (whole-run.ts). A file that runs alone declares to nobody.
 */
import { appendFileSync, readFileSync } from 'node:fs';

export interface Declared {
  readonly name: string;
  readonly value: string;
}

/** Where the runner reads them. */
export const declaredVariable = 'SALLYPORT_TEST_DECLARED';

export function declare(values: readonly Declared[]): void {
  const file = process.env[declaredVariable];
  if (file === undefined) return;
  // Short enough that lines of two processes do not mix.
  for (const one of values) appendFileSync(file, `${JSON.stringify(one)}\n`);
}

export function readDeclared(file: string): Declared[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return [...new Set(lines)].map((line) => JSON.parse(line) as Declared);
}
