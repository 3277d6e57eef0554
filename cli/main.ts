/**
 * The `sallyport` command. One verb, one file; this one only puts them together. A verb is loaded when
 * it is asked for, so that `status` does not wait for what `demo` needs.
 */
import { Command, CommanderError, Help } from 'commander';
import { exitCodes, tell, tellError } from './print.ts';
import { versionText } from './version.ts';

/** In the order in which a newcomer meets them. */
const verbs: Readonly<Record<string, () => Promise<{ register(program: Command): void }>>> = {
  init: () => import('./init.ts'),
  pair: () => import('./pair.ts'),
  run: () => import('./run.ts'),
  status: () => import('./status.ts'),
  policy: () => import('./policy.ts'),
  consumer: () => import('./consumer.ts'),
  package: () => import('./package.ts'),
  audit: () => import('./audit.ts'),
  mask: () => import('./mask.ts'),
  plugin: () => import('./plugin.ts'),
  token: () => import('./token.ts'),
  demo: () => import('./demo.ts'),
  version: () => import('./version.ts'),
};

const program = new Command('sallyport')
  .description('Cross-domain data exchange gateway')
  .version(versionText(), '-V, --version', 'print the version, and the Node it runs on')
  .configureOutput({
    outputError: (text) => tell(text.replace(/^error: /, '').trimEnd()),
  })
  .enablePositionalOptions() // `policy show` has a --version of its own
  .configureHelp({
    optionDescription(option) {
      const text = new Help().optionDescription(option);
      return option.mandatory ? `${text} (required)` : text;
    },
  })
  .showHelpAfterError('hint: add --help to see what is expected')
  .addHelpText('after', '\nExit codes: 0 done, 1 refused or failed, 2 the command line is wrong')
  .exitOverride();
const asked = process.argv[2] ?? '';
for (const load of Object.hasOwn(verbs, asked) ? [verbs[asked]] : Object.values(verbs)) {
  (await load?.())?.register(program);
}

// `sallyport … | head` is no fault.
process.stdout.on('error', () => process.exit());

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = thrown instanceof CommanderError ? usage(thrown) : tellError(thrown, help());
}

/** Where a command line that is wrong can be put right: the help of the verb that was asked for. */
function help(): string {
  let verb = program;
  const names = [program.name()];
  for (const word of process.argv.slice(2)) {
    const next = verb.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    verb = next;
    names.push(word);
  }
  return `see \`${names.join(' ')} --help\``;
}

/** Help that was asked for is no fault. */
function usage(error: CommanderError): number {
  return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
}
