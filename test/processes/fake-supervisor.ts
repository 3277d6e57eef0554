/** Supervises the fake node in the directory that it is given, until somebody kills it. */
import { join } from 'node:path';
import { processNames } from '@sallyport/shared/config/home.ts';
import { supervise } from '@sallyport/shared/processes/supervise.ts';

const dir = process.argv[2] ?? '.';
const { stop } = supervise({
  dir,
  main: join(import.meta.dirname, 'fake-main.ts'),
  processes: processNames,
  flags: () => [],
  tell: (line) => process.stderr.write(`${line}\n`),
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => void stop());
