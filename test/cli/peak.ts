/** The command line, which tells at its end how much memory it had at most. */
import { readFileSync } from 'node:fs';

process.on('exit', () => {
  const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  process.stderr.write(`peak ${kib} KiB\n`);
});
await import('@sallyport/cli/main.ts');
