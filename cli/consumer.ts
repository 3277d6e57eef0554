import {
  issueConsumerKey,
  readCredentials,
  revokeConsumerKey,
  rotateConsumerKey,
} from '@sallyport/inner-node/policy/credentials.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { namePattern } from '@sallyport/shared/policy/model.ts';
import type { Command } from 'commander';
import { timeText } from './amounts.ts';
import { columns } from './columns.ts';
import { registerList } from './consumer-list.ts';
import { lastUses, putInForce, takesNoKeys } from './credentials.ts';
import { ofInner } from './inner-home.ts';
import { result, resultJson, tell } from './print.ts';

export function register(program: Command): void {
  const consumer = program.command('consumer').description('who may call');
  registerList(consumer);
  const key = consumer.command('key').description('API keys of consumers (on the inner node)');
  const expires = [
    '--expires <date>',
    'last moment of the key, as 2027-06-30 or with a time',
  ] as const;
  ofInner(key.command('issue'))
    .argument('<consumer>', 'name of the consumer, as in policy.yaml')
    .description('make an API key and show it this once')
    .option(...expires)
    .action(issue);
  ofInner(key.command('list'))
    .description('show the keys that were issued, never the keys themselves')
    .option('--json', 'as JSON')
    .action(list);
  ofInner(key.command('rotate'))
    .argument('<id>', 'id of the key, as `list` shows it')
    .description('make another key for the same consumer; the old one goes on for a while')
    .option('--grace <span>', 'how long the old key goes on, as 30m, 12h or 7d', '7d')
    .option(...expires)
    .action(rotate);
  ofInner(key.command('revoke'))
    .argument('<id>', 'id of the key, as `list` shows it')
    .description('end a key now; says when it is in force at the boundary')
    .action(revoke);
}

/** The key is the only thing on stdout, so that a script can put it where it belongs. */
async function issue(
  name: string,
  { dir, expires }: { dir: string; expires?: string },
): Promise<void> {
  if (!namePattern.test(name))
    throw usage(
      `expected small letters, digits and hyphens as the name of a consumer, got ${name}`,
    );
  const expiresAtMs = expires === undefined ? undefined : readDate(expires);
  const order = { consumer: name, nowMs: Date.now(), expiresAtMs };
  const { key, record } = await issueConsumerKey(dir, order);
  result(key);
  tell(`key ${record.id} of ${name}; it is shown this once and kept nowhere`);
  if (await takesNoKeys(dir, name)) {
    tell(
      `no consumer ${name} takes keys in the policy in force, so nobody can use it yet`,
      'is the name right? It takes effect with the `sallyport policy apply` that brings such a consumer',
    );
  } else await confirmedLater(dir);
}

async function list({ dir, json }: { dir: string; json?: boolean }): Promise<void> {
  const { keys } = await readCredentials(dir);
  const used = await lastUses(dir);
  const shown = keys.map(({ hash: _hash, ...rest }) => {
    const lastUsedAtMs = used?.get(rest.id);
    return { ...rest, ...(lastUsedAtMs !== undefined && { lastUsedAtMs }) };
  });
  if (json === true) return resultJson(shown);
  const rows = shown.map(({ id, consumer, prefix, lastFour, createdAtMs, ...times }) => {
    const end = times.expiresAtMs === undefined ? 'no end' : `until ${timeText(times.expiresAtMs)}`;
    const last =
      times.lastUsedAtMs === undefined ? 'unused' : `used ${timeText(times.lastUsedAtMs)}`;
    const use = used === undefined ? 'last use unknown: the node does not run' : last;
    return [id, consumer, `${prefix}…${lastFour}`, timeText(createdAtMs), end, use];
  });
  for (const line of columns(rows)) result(line);
}

async function rotate(
  id: string,
  { dir, grace, expires }: { dir: string; grace: string; expires?: string },
): Promise<void> {
  const expiresAtMs = expires === undefined ? undefined : readDate(expires);
  const order = { id, nowMs: Date.now(), graceMs: readSpan(grace), expiresAtMs };
  const rotated = await rotateConsumerKey(dir, order);
  if (!rotated) throw unknownKey(id);
  const { key, record, old } = rotated;
  result(key);
  tell(`key ${record.id} of ${record.consumer}; it is shown this once and kept nowhere`);
  tell(`key ${id} goes on until ${timeText(old.expiresAtMs ?? 0)}`);
  await confirmedLater(dir);
}

async function revoke(id: string, { dir }: { dir: string }): Promise<void> {
  if (!(await revokeConsumerKey(dir, id))) throw unknownKey(id);
  tell(`key ${id} is revoked`);
  await putInForce(dir);
}

/** A new key that the boundary does not know yet is a matter of time, not a failure. */
async function confirmedLater(dir: string): Promise<void> {
  try {
    await putInForce(dir);
  } catch (thrown) {
    const { code, message, hint } = asSallyportError(thrown);
    if (code !== 'POLICY_UNCONFIRMED') throw thrown;
    tell(message, hint);
  }
}

function readDate(text: string): number {
  const ms = Date.parse(text);
  if (ms > Date.now()) return ms;
  throw usage(`expected a date in the future, got ${text}`);
}

function readSpan(text: string): number {
  const [, amount, unit = ''] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  if (amount !== undefined && unitMs !== undefined) return Number(amount) * unitMs;
  throw usage(`expected a span such as 30m, 12h or 7d, got ${text}`);
}

function unknownKey(id: string): SallyportError {
  return new SallyportError('USAGE', `expected the id of an issued key, got ${id}`, {
    hint: 'see `sallyport consumer key list`',
  });
}

function usage(message: string): SallyportError {
  return new SallyportError('USAGE', message);
}
