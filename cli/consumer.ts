import {
  issueConsumerKey,
  readCredentials,
  revokeConsumerKey,
} from '@sallyport/inner-node/policy/credentials.ts';
import { readHome } from '@sallyport/shared/config/home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { namePattern } from '@sallyport/shared/policy/model.ts';
import type { Command } from 'commander';
import { timeText } from './amounts.ts';
import { result, resultJson, tell } from './print.ts';

const nextStep = 'it takes effect with the next `sallyport policy apply`';

export function register(program: Command): void {
  const consumer = program.command('consumer').description('who may call');
  const key = consumer.command('key').description('API keys of consumers (on the inner node)');
  key
    .command('issue')
    .argument('<consumer>', 'name of the consumer, as in policy.yaml')
    .description('make an API key and show it this once')
    .requiredOption('--dir <dir>', 'home of the inner node')
    .option('--expires <date>', 'last moment of the key, as 2027-06-30 or with a time')
    .action(issue);
  key
    .command('list')
    .description('show the keys that were issued, never the keys themselves')
    .requiredOption('--dir <dir>', 'home of the inner node')
    .option('--json', 'as JSON')
    .action(list);
  key
    .command('revoke')
    .argument('<id>', 'id of the key, as `list` shows it')
    .description('forget a key')
    .requiredOption('--dir <dir>', 'home of the inner node')
    .action(revoke);
}

/** The key is the only thing on stdout, so that a script can put it where it belongs. */
async function issue(name: string, options: { dir: string; expires?: string }): Promise<void> {
  if (!namePattern.test(name)) throw usage(`expected the name of a consumer, got ${name}`);
  const home = requireInner(options.dir);
  const expiresAtMs = options.expires === undefined ? undefined : readDate(options.expires);
  const order = { consumer: name, nowMs: Date.now(), expiresAtMs };
  const { key, record } = await issueConsumerKey(home, order);
  result(key);
  tell(`key ${record.id} of ${name}; it is shown this once and kept nowhere`, nextStep);
}

async function list({ dir, json }: { dir: string; json?: boolean }): Promise<void> {
  const { keys } = await readCredentials(requireInner(dir));
  const shown = keys.map(({ hash: _hash, ...rest }) => rest);
  if (json === true) return resultJson(shown);
  for (const { id, consumer, prefix, lastFour, createdAtMs, expiresAtMs } of shown) {
    const end = expiresAtMs === undefined ? 'no end' : `until ${timeText(expiresAtMs)}`;
    result(`${id}  ${consumer}  ${prefix}…${lastFour}  ${timeText(createdAtMs)}  ${end}`);
  }
}

async function revoke(id: string, { dir }: { dir: string }): Promise<void> {
  if (!(await revokeConsumerKey(requireInner(dir), id))) {
    throw new SallyportError('USAGE', `expected the id of an issued key, got ${id}`, {
      hint: 'see `sallyport consumer key list`',
    });
  }
  tell(`key ${id} is revoked`, nextStep);
}

function requireInner(dir: string): string {
  const home = readHome(dir);
  if (home.config.role === 'inner') return home.dir;
  throw usage('expected the inner node: it alone says who may call');
}

function readDate(text: string): number {
  const ms = Date.parse(text);
  if (ms > Date.now()) return ms;
  throw usage(`expected a date in the future, got ${text}`);
}

function usage(message: string): SallyportError {
  return new SallyportError('USAGE', message, { hint: 'see `sallyport consumer key --help`' });
}
