/** `sallyport audit`: checks and shows the audit chain of a node, running or stopped. */
import { existsSync, readFileSync } from 'node:fs';
import { linesOf } from '@sallyport/shared/audit/chain.ts';
import { type BlockSource, everyBlock } from '@sallyport/shared/audit/transfer.ts';
import {
  type AuditVerdict,
  createAuditVerifier,
  type VerifyOptions,
} from '@sallyport/shared/audit/verify.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { isId } from '@sallyport/shared/ids.ts';
import type { Command } from 'commander';
import { readCount } from './amounts.ts';
import { withBlocks } from './audit-blocks.ts';
import { result, resultJson, tell } from './print.ts';

interface VerifyFlags {
  readonly dir: string;
  readonly certificate?: string;
  readonly files?: string;
  readonly first?: number;
  readonly json?: boolean;
}

interface ShowFlags {
  readonly dir: string;
  readonly last: number;
  readonly exchange?: string;
  readonly files?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const audit = program.command('audit').description('check and show what the node recorded');
  audit
    .command('verify')
    .description('recompute the chain of the audit log and check its signed checkpoints')
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--certificate <file>', "the audit key's certificate, kept apart from the node")
    .option('--files <dir>', 'files of the log that were moved there')
    .option('--first <block>', 'begin with this block; those before are kept elsewhere', readCount)
    .option('--json', 'as JSON')
    .action((flags: VerifyFlags) =>
      withBlocks(flags.dir, flags.files, (blocks) => verify(flags, blocks)),
    );
  audit
    .command('show')
    .description('show the events of the audit log, oldest first')
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--last <count>', 'at most so many, the newest', readCount, 50)
    .option('--exchange <id>', 'those of one exchange')
    .option('--files <dir>', 'files of the log that were moved there')
    .option('--json', 'one JSON object a line')
    .action((flags: ShowFlags) =>
      withBlocks(flags.dir, flags.files, (blocks, first) => show(flags, blocks, first)),
    );
}

/** Errors: AUDIT_BROKEN, CERTIFICATE_REFUSED, and those of the source. */
async function verify(flags: VerifyFlags, blocks: BlockSource): Promise<void> {
  const { first = 1 } = flags;
  const verifier = createAuditVerifier({ ...certificateOf(flags), first });
  for await (const block of everyBlock(blocks, first)) if (!verifier.add(block)) break;
  const verdict = verifier.verdict();
  if (first > 1 && verdict.ok && verdict.blocks === 0) {
    throw new SallyportError(
      'USAGE',
      `expected block ${first} in the log, got none from there on`,
      {
        hint: 'nothing was verified; `sallyport audit verify` without --first tells how far the log goes',
      },
    );
  }
  if (flags.json === true) resultJson(verdict);
  else result(verdictText(verdict, first));
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
    throw new SallyportError('CERTIFICATE_REFUSED', `cannot read ${file}`, {
      hint: 'give --certificate a copy of certs/audit.pem in the home of the node',
      cause,
    });
  }
}

function verdictText(verdict: AuditVerdict, first: number): string {
  const { ok, blocks, events, checkpoints, signedThrough } = verdict;
  const parts = [
    counted(blocks, 'block'),
    counted(events, 'event'),
    counted(checkpoints, 'checkpoint'),
  ];
  const state = ok ? 'intact' : 'BROKEN after';
  const after = first - 1 + blocks - signedThrough;
  const from = first > 1 ? `, from block ${first} on: what was before is believed` : '';
  const unsigned = after > 0 ? `, ${counted(after, 'block')} after it` : '';
  const signed =
    signedThrough > 0
      ? `signed through block ${signedThrough}${unsigned}`
      : checkpoints > 0
        ? 'no signature checked'
        : 'no checkpoint yet; a running node signs one a minute';
  return `${state}: ${parts.join(', ')}${from}\n${signed}`;
}

async function show(
  { last, exchange, json }: ShowFlags,
  blocks: BlockSource,
  first: number,
): Promise<void> {
  if (exchange !== undefined && !isId(exchange)) {
    throw new SallyportError('USAGE', `expected an exchange id, got ${exchange}`, {
      hint: 'it is in the header `sallyport-exchange` of the answer',
    });
  }
  const lines: string[] = [];
  for await (const block of everyBlock(blocks, first)) {
    const events = linesOf(block);
    const wanted = exchange === undefined ? events : events.filter((line) => isOf(line, exchange));
    lines.push(...wanted.slice(-last));
    lines.splice(0, lines.length - last);
  }
  for (const line of lines) result(json === true ? line : eventText(line));
  if (lines.length === 0) tell(exchange === undefined ? 'no event' : 'no event of this exchange');
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
