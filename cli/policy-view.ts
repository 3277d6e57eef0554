/** `sallyport policy explain` and `matrix`: why a call is allowed or refused, and who gets which field. */
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { linesOf } from '@sallyport/shared/audit/chain.ts';
import { everyBlock } from '@sallyport/shared/audit/transfer.ts';
import { normalisePath } from '@sallyport/shared/content/path.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { asSallyportError, errorTable, SallyportError } from '@sallyport/shared/errors.ts';
import { isId } from '@sallyport/shared/ids.ts';
import { policyMatrix } from '@sallyport/shared/policy/access.ts';
import { askConditions, conditionUses } from '@sallyport/shared/policy/asked.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { type CompiledPolicy, compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { matchRoute } from '@sallyport/shared/policy/decide.ts';
import { type Explanation, explain, type Question } from '@sallyport/shared/policy/explain.ts';
import { matrixHtml } from '@sallyport/shared/policy/matrix-html.ts';
import { matrixCsv, matrixTable } from '@sallyport/shared/policy/matrix-text.ts';
import type { Language } from '@sallyport/shared/policy/matrix-words.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { parseAddress } from '@sallyport/shared/policy/network.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { type Command, Option } from 'commander';
import { timeText } from './amounts.ts';
import { withBlocks } from './audit-blocks.ts';
import { explanationText } from './explain-text.ts';
import { readLanguage } from './language.ts';
import { openPlugins } from './plugin-folder.ts';
import { requireBundle } from './policy-source.ts';
import { result, resultJson, tell } from './print.ts';
import { writeOut } from './write-out.ts';

interface ExplainFlags {
  readonly dir?: string;
  readonly exchange?: string;
  readonly policy?: string;
  readonly consumer?: string;
  readonly method: string;
  readonly path?: string;
  readonly at?: string;
  readonly source?: string;
  readonly risk?: string;
  readonly plugins?: string;
  readonly json?: boolean;
}

interface MatrixFlags {
  readonly dir?: string;
  readonly policy?: string;
  readonly at?: string;
  readonly format: 'table' | 'csv' | 'html';
  readonly lang: Language;
  readonly out?: string;
  readonly json?: boolean;
}

export function registerViews(policy: Command): void {
  const onEither = (name: string, description: string): Command =>
    policy
      .command(name)
      .description(description)
      .option('--dir <dir>', 'home of the node whose policy in force it is')
      .option('--json', 'as JSON');
  const files = ['--policy <path>', 'or of this policy.yaml; needs no node'] as const;
  const at = ['--at <time>', 'as of this moment, such as 2027-01-31T20:00:00+08:00'] as const;
  onEither('explain', 'tell why a call was allowed or refused, and which masks would run')
    .option('--exchange <id>', 'a call that was made, by its exchange id')
    .option('--consumer <name>', 'or one that could be made: by whom')
    .option('--method <method>', 'its method', 'GET')
    .option('--path <path>', 'its path')
    .option('--source <ip>', 'from which address')
    .option('--risk <score>', 'at which risk, 0-100')
    .option('--plugins <dir>', 'folder of the plug-ins that conditions ask')
    .option(...at)
    .option(...files)
    .action(explainCall);
  onEither('matrix', 'show every route, its level, its fields and what each consumer gets of them')
    .addOption(
      new Option('--format <format>', 'of what is written')
        .choices(['table', 'csv', 'html'])
        .default('table'),
    )
    .option('--lang <language>', 'of the labels: en or zh, as zh-CN too', readLanguage, 'en')
    .option('--out <file>', 'write it there')
    .option(...at)
    .option(...files)
    .action(matrix);
}

async function explainCall(flags: ExplainFlags): Promise<void> {
  if (flags.exchange !== undefined) return explainExchange(flags.exchange, flags);
  const question = questionOf(flags);
  const { policy, version } = await policyOf(flags);
  const compiled = compilePolicy(policy, version);
  const plugins = await answersOf(compiled, question, flags.plugins);
  const explanation = explain(compiled, { ...question, plugins });
  if (flags.json === true) resultJson(explanation);
  else result(explanationText(explanation));
}

/** What the plug-ins of its conditions say; undefined where no folder is named. */
async function answersOf(
  compiled: CompiledPolicy,
  { consumer, method, path, nowMs }: Question,
  dir: string | undefined,
): Promise<Question['plugins']> {
  if (dir === undefined) return undefined;
  const { ask, close } = openPlugins(dir);
  try {
    const match = matchRoute(compiled, method, path);
    return await askConditions(
      conditionUses(compiled, consumer, match),
      { consumer, match, nowMs },
      ask,
    );
  } catch (thrown) {
    tell(asSallyportError(thrown).message);
    return undefined;
  } finally {
    close();
  }
}

/** Of what the audit log recorded, by the version of the policy that decided then. */
async function explainExchange(id: string, { dir, json }: ExplainFlags): Promise<void> {
  if (!isId(id)) throw usage(`expected an exchange id, got ${id}`);
  if (dir === undefined) throw usage('expected --dir: the node knows its exchanges');
  const events = await eventsOf(dir, id);
  const decided = events.find(({ event }) => ['accept', 'decide', 'refuse'].includes(event));
  if (decided === undefined) {
    throw new SallyportError('EXCHANGE_UNKNOWN', 'expected events of this exchange, got none', {
      hint: 'ask the other node, or see `sallyport audit show --exchange`',
    });
  }
  const refused = events.find(({ code }) => code !== undefined);
  const recorded = {
    exchange: id,
    outcome: refused?.code ?? 'allowed',
    ...(refused?.rule !== undefined && { rule: refused.rule }),
    events: events.map(({ event, atMs, code, rules }) => ({ event, atMs, code, rules })),
  };
  const explanation = await explainEvent(dir, decided);
  if (json === true) return resultJson({ ...recorded, explanation });
  const { code } = refused ?? {};
  result(`exchange ${id}: ${code === undefined ? 'allowed' : `${code}, ${errorTable[code].text}`}`);
  for (const { event, atMs, rules } of events) {
    const ran = Object.entries(rules ?? {}).map(([rule, count]) => `${rule} ×${count}`);
    result(`  ${timeText(atMs)}  ${event.padEnd(8)}  ${ran.join(', ')}`.trimEnd());
  }
  if (explanation === undefined) tell('it was refused before its route and consumer were known');
  else result(explanationText(explanation));
  if (code !== undefined && explanation?.allowed === true) {
    tell(
      `the terms of the grant allow it; ${code} is of what they do not decide`,
      'limits, credentials, content and the service are decided elsewhere: docs/errors.md',
    );
  }
}

async function explainEvent(dir: string, event: AuditEvent): Promise<Explanation | undefined> {
  const { consumer, flow, policyVersion, source, risk, atMs } = event;
  if (consumer === undefined || flow === undefined || policyVersion === undefined) return undefined;
  const { policy, version } = await requireBundle(dir, policyVersion);
  const [service, name] = flow.split('/');
  const route = policy.services
    .find((one) => one.name === service)
    ?.routes.find((one) => one.name === name);
  if (route === undefined) return undefined;
  const [method = 'GET'] = route.methods;
  return explain(compilePolicy(policy, version), {
    consumer,
    method,
    // The log holds no path: any that fits the template leads to the route.
    path: route.path.replace(/\{[^}]*\}/g, 'x'),
    shownPath: route.path,
    nowMs: atMs,
    source: source === undefined ? undefined : { ip: source },
    risk: risk === undefined ? undefined : { score: risk },
  });
}

async function eventsOf(dir: string, id: string): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  await withBlocks(dir, undefined, async (blocks, first) => {
    for await (const block of everyBlock(blocks, first)) {
      for (const line of linesOf(block)) {
        if (!line.includes(id)) continue;
        const event = JSON.parse(line) as AuditEvent;
        if (event.exchangeId === id) found.push(event);
      }
    }
  });
  return found;
}

async function matrix(flags: MatrixFlags): Promise<void> {
  const { at, format, lang, out, json } = flags;
  const { policy: shown } = await policyOf(flags);
  const table = policyMatrix(shown, momentOf(at));
  if (json === true) return resultJson(table);
  const write = { table: matrixTable, csv: matrixCsv, html: matrixHtml }[format];
  const text = write(table, lang);
  if (out === undefined) return result(text);
  writeOut(out, `${text}\n`, { mode: 0o600 });
  tell(`${counted(table.rows.length, 'field')} written to ${out}`);
}

/** Of files, without issued keys, or the one in force. Errors: USAGE, POLICY_INVALID, those of the node. */
async function policyOf({
  dir,
  policy,
}: {
  dir?: string;
  policy?: string;
}): Promise<{ policy: Policy; version: number }> {
  if ((dir === undefined) === (policy === undefined)) {
    throw usage('expected --dir or --policy, one of the two');
  }
  if (dir !== undefined) return requireBundle(dir);
  return { policy: requirePolicy(await readPolicyFiles(policy ?? '')), version: 0 };
}

/** Errors: USAGE, PATH_REFUSED. */
function questionOf({ consumer, method, path, at, source, risk }: ExplainFlags): Question {
  if (consumer === undefined || path === undefined) {
    throw usage('expected --exchange, or --consumer and --path');
  }
  if (source !== undefined && parseAddress(source) === undefined) {
    throw usage(`expected an IP address, got ${source}`);
  }
  const score = Number(risk ?? 0);
  if (!Number.isInteger(score) || score < 0 || score > 100) {
    throw usage(`expected a risk of 0-100, got ${risk}`);
  }
  return {
    consumer,
    method: method.toUpperCase(),
    path: normalisePath(path).path,
    nowMs: momentOf(at),
    source: source === undefined ? undefined : { ip: source },
    risk: { score },
  };
}

function momentOf(text: string | undefined): number {
  const ms = text === undefined ? Date.now() : Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw usage(`expected a moment such as 2027-01-31T20:00:00+08:00, got ${text}`);
}

function usage(message: string): SallyportError {
  return new SallyportError('USAGE', message);
}
