/** The `audit` verb alone, as the command line runs it. */
import { register } from '@sallyport/cli/audit.ts';
import { tellError } from '@sallyport/cli/print.ts';
import { Command } from 'commander';

const program = new Command('sallyport');
register(program);
try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = tellError(thrown);
}
