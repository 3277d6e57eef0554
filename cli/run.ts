import { fileURLToPath } from 'node:url';
import { handConfig } from '@sallyport/shared/config/given-home.ts';
import { type ProcessName, processesOf } from '@sallyport/shared/config/home.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { readPeer } from '@sallyport/shared/pairing/peer.ts';
import { confinementFlags } from '@sallyport/shared/processes/confinement.ts';
import { supervise } from '@sallyport/shared/processes/supervise.ts';
import type { Command } from 'commander';
import { exitCodes, tell } from './print.ts';

export function register(program: Command): void {
  program
    .command('run')
    .description('run the node in a directory until SIGTERM or Ctrl-C')
    .requiredOption('--dir <dir>', 'home of the node')
    .action(async ({ dir }: { dir: string }) => {
      process.exitCode = await run(dir);
    });
}

/** Errors: HOME_MISSING, CONFIG_INVALID, HOME_IN_USE, and those of readPeer: found before anything starts. */
async function run(dir: string): Promise<number> {
  const home = readHome(dir);
  readPeer(home.paths, home.config);
  const main = fileURLToPath(new URL(`../${home.config.role}-node/main.ts`, import.meta.url));
  const flags = (name: ProcessName): string[] => confinementFlags(name, home);
  const processes = processesOf(home.config);
  const env = handConfig(home.config);
  const supervisor = supervise({ dir: home.dir, main, processes, flags, env, tell });
  let asked = 0;
  const stop = (): void => {
    asked += 1;
    if (asked > 1) return;
    tell(`stopping ${home.config.node}`);
    void supervisor.stop();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  tell(`running ${home.config.node} (${home.config.role} node) in ${home.dir}`);
  return (await supervisor.ended) ? exitCodes.failed : exitCodes.ok;
}
