/**
 * `sallyport plugin`: what a file or a folder of plug-ins holds, tried in the confinement in which it
 * would run.
 */
import { resolve } from 'node:path';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { Listed } from '@sallyport/shared/plugins/host.ts';
import { spawnPlugins } from '@sallyport/shared/processes/plugins/spawn.ts';
import type { Command } from 'commander';
import { exitCodes, result, resultJson, tell } from './print.ts';

interface Flags {
  readonly json?: boolean;
}

export function register(program: Command): void {
  const plugin = program.command('plugin').description('plug-ins: code that a department brings');
  plugin
    .command('check')
    .description('load a plug-in, or a folder of them, and see that it does what its examples say')
    .argument('<path>', 'a file, or a folder')
    .option('--json', 'as JSON')
    .action(check);
  plugin
    .command('list')
    .description('show name, kind, version and digest of each plug-in of a node or folder')
    .argument('[folder]', 'a folder; or')
    .option('--dir <dir>', 'home of the node whose folder it is')
    .option('--json', 'as JSON')
    .action(list);
}

/** Exit code 1 where one of them cannot be used. Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
async function check(path: string, { json }: Flags): Promise<void> {
  const listed = await listOf(path);
  if (listed.some(({ faults }) => faults.length > 0)) process.exitCode = exitCodes.failed;
  if (json === true) return resultJson(listed);
  for (const { file, digest, described, faults } of listed) {
    if (described !== undefined) {
      const { kind, name, version, examples } = described;
      const held = counted(examples, 'example holds', 'examples hold');
      tell(`${file}: ${kind} ${name} ${version}, ${held}`);
      result(`- { name: ${name}, kind: ${kind}, digest: ${digest ?? ''} }`);
    }
    for (const fault of faults) result(`${file}: ${fault}`);
  }
}

/** Errors: as check, USAGE, HOME_MISSING, CONFIG_INVALID. */
async function list(folder: string | undefined, flags: Flags & { dir?: string }): Promise<void> {
  if ((folder === undefined) === (flags.dir === undefined)) {
    throw new SallyportError('USAGE', 'expected a folder or --dir, one of the two');
  }
  const listed = await listOf(folder ?? folderOf(flags.dir ?? ''));
  if (flags.json === true) return resultJson(listed);
  for (const { file, digest = '', described, faults } of listed) {
    const [fault] = faults;
    const what = described ?? { name: file, kind: 'refused', version: '' };
    const line = `${what.name.padEnd(20)} ${what.kind.padEnd(14)} ${what.version.padEnd(8)} ${digest}`;
    result(line.trimEnd());
    if (fault !== undefined) tell(`${file}: ${fault}`);
  }
}

/** What a node would load. Errors: PLUGIN_MISSING where its configuration names no folder. */
function folderOf(dir: string): string {
  const { config, dir: home } = readHome(dir);
  if (config.plugins !== undefined) return resolve(home, config.plugins.dir);
  throw new SallyportError('PLUGIN_MISSING', 'expected plugins.dir in config.yaml, got none', {
    hint: 'add `plugins: { dir: plugins }` and start the node again',
  });
}

async function listOf(path: string): Promise<Listed[]> {
  const spawned = spawnPlugins(path);
  try {
    return await spawned.list();
  } finally {
    spawned.close();
  }
}
