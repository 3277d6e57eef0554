/** `sallyport consumer list`: every credential of the policy in force, its end and its last use. */
import { labelOf } from '@sallyport/shared/accounts/credential.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import type { Command } from 'commander';
import { timeText } from './amounts.ts';
import { columns } from './columns.ts';
import { usesOf } from './credentials.ts';
import { ofInner } from './inner-home.ts';
import { requireBundle } from './policy-source.ts';
import { result, resultJson } from './print.ts';

export function registerList(consumer: Command): void {
  ofInner(consumer.command('list'))
    .description('show the consumers of the policy in force, their credentials and last use')
    .option('--json', 'as JSON')
    .action(list);
}

interface Row {
  readonly consumer: string;
  readonly credential: string;
  readonly untilMs?: number;
  readonly lastUsedAtMs?: number;
}

/** Errors: POLICY_MISSING, those of the node. */
async function list({ dir, json }: { dir: string; json?: boolean }): Promise<void> {
  const { policy } = await requireBundle(dir);
  const used = await usesOf(dir);
  const rows = rowsOf(policy).map(({ label, ...row }) => {
    const use = used.find((one) => one.consumer === row.consumer && one.credential === label);
    return { ...row, ...(use && { lastUsedAtMs: use.atMs }) };
  });
  if (json === true) return resultJson(rows);
  const lines = rows.map(({ consumer, credential, untilMs, lastUsedAtMs }: Row) => [
    consumer,
    credential,
    untilMs === undefined ? 'no end' : `until ${timeText(untilMs)}`,
    lastUsedAtMs === undefined ? 'unused' : `used ${timeText(lastUsedAtMs)}`,
  ]);
  for (const line of columns(lines)) result(line);
}

/** One for each credential; a consumer that may have keys has one for each that was issued. */
function rowsOf({ consumers, credentials }: Policy): (Row & { readonly label: string })[] {
  return consumers.flatMap(({ name: consumer, credentials: own }) =>
    own.flatMap((one) => {
      const label = labelOf(one);
      if (one.type !== 'key') {
        const { untilMs } = one;
        return [{ consumer, credential: label, label, ...(untilMs !== undefined && { untilMs }) }];
      }
      const issued = credentials.keys.filter((key) => key.consumer === consumer);
      if (issued.length === 0) return [{ consumer, credential: 'key (none issued)', label }];
      return issued.map(({ id, prefix, lastFour, expiresAtMs }) => ({
        consumer,
        credential: `key ${prefix}…${lastFour}`,
        label: `key ${id}`,
        ...(expiresAtMs !== undefined && { untilMs: expiresAtMs }),
      }));
    }),
  );
}
