/**
 * The log of a process: pino JSON lines on stdout, which the supervisor keeps in log/<process>.log.
 * Code never logs a body, a key, a PIN or a credential; the list below is only the second net.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import { SallyportError } from '../errors.ts';

export type Log = Logger;

const secretNames = [
  'pin',
  'password',
  'secret',
  'key',
  'privateKey',
  'apiKey',
  'token',
  'credential',
  'authorization',
  'cookie',
  'body',
  'headers',
];

/** Synchronous, so that the last line of a dying process is not lost. `to` is for tests. */
export function createLog(
  process: string,
  level: 'debug' | 'info' | 'warn' | 'error',
  to: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Log {
  const paths = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  return pino(
    {
      level,
      base: { process },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths, censor: '[redacted]' },
      serializers: { err: tellError },
    },
    to,
  );
}

/** Ours say where to look by their code; only what nobody foresaw brings its stack. */
function tellError(thrown: unknown): object {
  if (thrown instanceof SallyportError && thrown.code !== 'INTERNAL') {
    const { code, message, hint, cause } = thrown;
    const because = cause instanceof Error ? cause.message : undefined;
    return { code, message, hint, because };
  }
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  return { message: thrown.message, stack: thrown.stack };
}
