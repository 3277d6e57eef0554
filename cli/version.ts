import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { result } from './print.ts';

export function register(program: Command): void {
  program
    .command('version')
    .description('print the version, and the Node it runs on')
    .action(() => result(versionText()));
}

export function versionText(): string {
  const file = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return `sallyport ${version} (node ${process.version})`;
}
