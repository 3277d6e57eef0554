/** `sallyport audit`: checks and shows the audit chain of a node, running or stopped. */
import { existsSync, readFileSync } from 'node:fs';
import { linesOf } from '@sallyport/shared/audit/chain.ts';
import { type BlockSource, everyBlock, readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import {
  type AuditVerdict,
  createAuditVerifier,
  type VerifyOptions,
} from '@sallyport/shared/audit/verify.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import type { Command } from 'commander';
import { control } from './control.ts';
import { result, resultJson, tell } from './print.ts';

interface VerifyFlags {
  readonly dir: string;
  readonly certificate?: string;
  readonly json?: boolean;
}

interface ShowFlags {
  readonly dir: string;
  readonly last: number;
  readonly exchange?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const audit = program.command('audit').description('check and show what the node recorded');
  audit
    .command('verify')
    .description('recompute the chain of the audit log and check its signed checkpoints')
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--certificate <file>', "the audit key's certificate, kept apart from the node")
    .option('--json', 'as JSON')
    .action((flags: VerifyFlags) => withBlocks(flags.dir, (blocks) => verify(flags, blocks)));
  audit
    .command('show')
    .description('show the events of the audit log, oldest first')
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--last <count>', 'at most so many, the newest', readCount, 50)
    .option('--exchange <id>', 'those of one exchange')
    .option('--json', 'one JSON object a line')
    .action((flags: ShowFlags) => withBlocks(flags.dir, (blocks) => show(flags, blocks)));
}

/** Errors: AUDIT_BROKEN, CERTIFICATE_REFUSED, and those of the source. */
async function verify(flags: VerifyFlags, blocks: BlockSource): Promise<void> {
  const verifier = createAuditVerifier(certificateOf(flags));
  for await (const block of everyBlock(blocks)) if (!verifier.add(block)) break;
  const verdict = verifier.verdict();
  if (flags.json === true) resultJson(verdict);
  else result(verdictText(verdict));
  if (!verdict.firstFault) return;
  const { sequence, what } = verdict.firstFault;
  throw new SallyportError('AUDIT_BROKEN', `block ${sequence}: ${what}`, {
    hint: 'stop the node and keep its data directory as evidence; docs/spec/audit.md explains the fault',
  });
}

function certificateOf({ dir, certificate }: VerifyFlags): VerifyOptions {
  const own = homePaths(dir).certificate('audit');
  const file = certificate ?? (existsSync(own) ? own : undefined);
  if (file === undefined) {
    tell('no certificate of the audit key, so the signatures of checkpoints are not checked');
    return {};
  }
  try {
    return { auditCertificate: readFileSync(file) };
  } catch (cause) {
    throw new SallyportError('CERTIFICATE_REFUSED', `cannot read ${file}`, { cause });
  }
}

function verdictText(verdict: AuditVerdict): string {
  const { ok, blocks, events, checkpoints, signedThrough } = verdict;
  const counted = `${blocks} blocks, ${events} events, ${checkpoints} checkpoints`;
  const state = ok ? 'intact' : 'BROKEN after';
  const after = blocks - signedThrough;
  const unsigned = after > 0 ? `, ${after} ${after === 1 ? 'block' : 'blocks'} after it` : '';
  const signed =
    signedThrough > 0
      ? `signed through block ${signedThrough}${unsigned}`
      : checkpoints > 0
        ? 'no signature checked'
        : 'no checkpoint yet; a running node signs one a minute';
  return `${state}: ${counted}\n${signed}`;
}

async function show({ last, exchange, json }: ShowFlags, blocks: BlockSource): Promise<void> {
  const lines: string[] = [];
  for await (const block of everyBlock(blocks)) {
    const events = linesOf(block);
    const wanted = exchange === undefined ? events : events.filter((line) => isOf(line, exchange));
    lines.push(...wanted.slice(-last));
    lines.splice(0, lines.length - last);
  }
  for (const line of lines) result(json === true ? line : eventText(line));
}

const isOf = (line: string, exchange: string): boolean =>
  line.includes(exchange) && JSON.parse(line).exchangeId === exchange;

function eventText(line: string): string {
  const { event, atMs, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const about = Object.entries(rest).map(([name, value]) => `${name}=${valueText(value)}`);
  const at = new Date(Number(atMs)).toISOString();
  return `${at}  ${String(event).padEnd(12)}  ${about.join(' ')}`.trimEnd();
}

/** Times to a microsecond, which is finer than they mean. */
function valueText(value: unknown): string {
  if (typeof value === 'number') return String(Math.round(value * 1000) / 1000);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** From the node if it runs, else from its store, which is held only as long as `work` takes. */
async function withBlocks(
  dir: string,
  work: (blocks: BlockSource) => Promise<void>,
): Promise<void> {
  const count = limits.auditBlocksPerReplyMax;
  const ask: BlockSource = async (from) =>
    readAuditBlocks(await control(dir, 'audit-blocks', { from, count }));
  try {
    await ask(1);
  } catch (thrown) {
    if (asSallyportError(thrown).code !== 'NODE_NOT_RUNNING') throw thrown;
    return withStoredBlocks(dir, work);
  }
  await work(ask);
}

async function withStoredBlocks(
  dir: string,
  work: (blocks: BlockSource) => Promise<void>,
): Promise<void> {
  const file = homePaths(dir).database;
  if (!existsSync(file)) {
    throw new SallyportError('HOME_MISSING', 'expected a store in the home of the node, got none', {
      hint: 'a node makes its store when it first runs',
    });
  }
  const store = openStore(file);
  try {
    await work(async (from) => store.auditBlocks(from, limits.auditBlocksPerReplyMax));
  } finally {
    store.close();
  }
}

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new SallyportError('USAGE', `expected --last with a positive number, got ${text}`);
}
