/** The `sallyport` command. One verb, one file; this one only puts them together. */
import { Command, CommanderError } from 'commander';
import { register as init } from './init.ts';
import { register as pair } from './pair.ts';
import { exitCodes, tell, tellError } from './print.ts';
import { register as run } from './run.ts';
import { register as status } from './status.ts';
import { register as version } from './version.ts';

const verbs = [init, pair, run, status, version];

const program = new Command('sallyport')
  .description('Cross-domain data exchange gateway')
  .configureOutput({
    outputError: (text) => tell(text.replace(/^error: /, '').trimEnd()),
  })
  .exitOverride();
for (const register of verbs) register(program);

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = thrown instanceof CommanderError ? usage(thrown) : tellError(thrown);
}

/** Help that was asked for is no fault. */
function usage(error: CommanderError): number {
  return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
}
