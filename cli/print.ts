/**
 * What the command line says and where: results to stdout, talk to stderr with the program's name in
 * front, and colours only for eyes (a terminal, and no NO_COLOR).
 */
import { styleText } from 'node:util';
import { asSallyportError, type SallyportError } from '@sallyport/shared/errors.ts';

type Style = Parameters<typeof styleText>[0];

/** Exit codes of every verb; `sallyport --help` tells them. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** A result: what a script would read. */
export function result(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A result for programs: one JSON text. */
export function resultJson(value: unknown): void {
  result(JSON.stringify(value, null, 2));
}

/** Talk for people; several lines may come in one text. */
export function tell(text: string, hint?: string): void {
  for (const line of text.split('\n')) process.stderr.write(`sallyport: ${line}\n`);
  if (hint !== undefined) process.stderr.write(`${paint('cyan', 'hint:', 'stderr')} ${hint}\n`);
}

/**
 * Says why a verb failed; returns the exit code. What nobody foresaw brings its stack; `usageHint` is for
 * a wrong command line whose error has no hint of its own.
 */
export function tellError(thrown: unknown, usageHint?: string): number {
  const error: SallyportError = asSallyportError(thrown);
  const isUsage = error.code === 'USAGE';
  const code = paint('red', `[${error.code}]`, 'stderr');
  tell(`${error.message} ${code}`, error.hint ?? (isUsage ? usageHint : undefined));
  if (error.code === 'INTERNAL' && error.cause instanceof Error) tell(error.cause.stack ?? '');
  return isUsage ? exitCodes.usage : exitCodes.failed;
}

/** Colours `text` where the stream is a terminal that wants it. */
export function paint(style: Style, text: string, on: 'stdout' | 'stderr' = 'stdout'): string {
  return styleText(style, text, { stream: process[on] });
}
