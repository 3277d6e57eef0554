import type { NodeStatus } from '@sallyport/shared/processes/admin/status.ts';
import type { Command } from 'commander';
import { control } from './control.ts';
import { result, resultJson } from './print.ts';
import { statusText } from './status-text.ts';

export function register(program: Command): void {
  program
    .command('status')
    .description('show the node at a glance: channels, lanes, queues, keys, processes')
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--json', 'as JSON')
    .action(async ({ dir, json }: { dir: string; json?: boolean }) => {
      const status = (await control(dir, 'status')).head as NodeStatus;
      if (json === true) resultJson(status);
      else result(statusText(status, Date.now()));
    });
}
