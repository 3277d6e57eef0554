/** `sallyport mask`: what masks do with a document (try), and a large file masked (run). No node needed. */
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { type Json, parseJson } from '@sallyport/shared/content/json.ts';
import type { Tally } from '@sallyport/shared/content/place.ts';
import { csvFault, csvOf } from '@sallyport/shared/content/stream/csv.ts';
import { jsonArray } from '@sallyport/shared/content/stream/json-array.ts';
import { ndjson } from '@sallyport/shared/content/stream/ndjson.ts';
import type { RecordFormat } from '@sallyport/shared/content/stream/record.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { isKeyed } from '@sallyport/shared/masking/mask.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { type FileMasking, maskingFor } from '@sallyport/shared/policy/masking.ts';
import type { Command } from 'commander';
import { bytesText, spanText } from './amounts.ts';
import { comparison } from './mask-compare.ts';
import { runSecrets } from './mask-keys.ts';
import { groupsOf, maskAll } from './mask-records.ts';
import { openPlugins } from './plugin-folder.ts';
import { result, resultJson, tell } from './print.ts';
import { showProgress } from './progress.ts';

interface Flags {
  readonly policy: string;
  readonly consumer: string;
  readonly route?: string;
  readonly plugins?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const mask = program.command('mask').description('mask files as answers are masked');
  const add = (name: string, description: string): Command =>
    mask
      .command(name)
      .description(description)
      .requiredOption('--policy <path>', 'policy.yaml or its folder')
      .requiredOption('--consumer <name>', 'for whom')
      .option('--plugins <dir>', 'folder of the plug-ins that the policy names');
  add('try', 'show a document before and after its masks, on this terminal only')
    .argument('<file>', 'a JSON document, as the service answers')
    .option('--route <service/route>', 'where the consumer has several')
    .option('--json', 'as JSON')
    .action(tryMask);
  add('run', 'mask a JSON array, NDJSON or CSV of any size, record by record')
    .argument('<in>', 'by its ending: .json, .ndjson, .jsonl or .csv')
    .argument('<out>', 'of the same format; written whole or not at all')
    .requiredOption('--route <service/route>', 'whose answer a record is, or is an item of')
    .option('--json', 'as JSON')
    .action(runMask);
}

/** Errors: POLICY_INVALID, GRANT_MISSING, JSON_REFUSED, RESPONSE_REFUSED. */
async function tryMask(file: string, flags: Flags): Promise<void> {
  const masking = await load(flags);
  const before = parseJson(await readFile(file), limits.upstreamBodyBytesMax);
  const tally: Tally = { dropped: 0, rules: {} };
  const plugins = openPlugins(flags.plugins);
  const [after] = await maskAll(masking.document, [before], tally, plugins.ask).finally(
    plugins.close,
  );
  if (flags.json === true) return resultJson({ flow: masking.flow, before, after, ...tally });
  tell(`${flags.consumer} on ${masking.flow}`);
  if (masking.masks.some(isKeyed)) tell('hashes, noise and tokens: by a key of this run alone');
  for (const line of comparison(before, after, 'stdout')) result(line);
  tellTally(tally);
}

/** Errors: as above, and CSV_REFUSED, USAGE. Memory does not grow with the file. */
async function runMask(from: string, to: string, flags: Flags): Promise<void> {
  const masking = await load(flags);
  expectUnbound(masking);
  if (masking.checks.length > 0 && masking.recordSchema !== masking.schema) {
    const hint =
      'a record is a part of such an answer: leave the check out of the policy for files';
    throw usage('expected a route whose answers no plug-in checks as a whole', hint);
  }
  const format = formatOf(from, masking);
  if (existsSync(to)) throw usage(`expected a new file, ${to} is there`, 'name another file');
  const { size } = await stat(from).catch(() => {
    throw usage(`expected a file to read, got none at ${from}`, 'name a file that exists');
  });
  const startedMs = performance.now();
  const tally: Tally = { dropped: 0, rules: {} };
  let records = 0;
  const plugins = openPlugins(flags.plugins);
  const progress = showProgress('masking', size);
  const source = createReadStream(from, { highWaterMark: limits.recordPieceBytes });
  async function* masked(): AsyncGenerator<Json> {
    for await (const group of groupsOf(format.records(source), masking.record)) {
      yield* await maskAll(masking.record, group, tally, plugins.ask);
      const before = records;
      records += group.length;
      if (before >> 8 !== records >> 8) progress.at(source.bytesRead);
    }
  }
  try {
    await writeWhole(to, format.write(masked()));
  } finally {
    progress.end();
    source.destroy();
    plugins.close();
  }
  const tookMs = performance.now() - startedMs;
  if (flags.json === true) return resultJson({ records, bytes: size, tookMs, ...tally });
  const speed = `${bytesText(size / (tookMs / 1000))}/s`;
  result(`${records} records, ${bytesText(size)} in ${spanText(tookMs)}, ${speed}`);
  tellTally(tally);
}

async function load({ policy, consumer, route }: Flags): Promise<FileMasking> {
  const checked = requirePolicy(await readPolicyFiles(policy));
  return maskingFor(checked, consumer, route, runSecrets());
}

/** What a run makes must mean the same as what a node makes, or nothing. */
function expectUnbound({ masks }: FileMasking): void {
  const bound = masks.filter(isKeyed);
  if (bound.length === 0) return;
  const which = bound.map(({ transform, field }) => `${transform} ${field}`).join(', ');
  throw usage(
    `expected masks without keys of a recipient, got ${which}`,
    'only a node has these keys: let its answers be masked, or use other transforms for files',
  );
}

function formatOf(file: string, { recordSchema, columns }: FileMasking): RecordFormat {
  switch (extname(file).toLowerCase()) {
    case '.json':
      return jsonArray;
    case '.ndjson':
    case '.jsonl':
      return ndjson;
    case '.csv': {
      const fault = csvFault(recordSchema);
      if (fault !== undefined) throw usage(fault, 'CSV has no members within members');
      return csvOf(recordSchema, columns);
    }
    default:
      throw usage('expected a file .json, .ndjson, .jsonl or .csv', 'rename it as it is written');
  }
}

/** Under a temporary name (mode 0600), which goes where a fault is found. */
async function writeWhole(file: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  const part = `${file}.part`;
  const target = createWriteStream(part, { mode: 0o600, flush: true });
  try {
    for await (const piece of pieces) {
      if (!target.write(piece)) await once(target, 'drain');
    }
    target.end();
    await once(target, 'finish');
    renameSync(part, file);
  } catch (thrown) {
    target.destroy();
    rmSync(part, { force: true });
    throw thrown;
  }
}

function tellTally({ dropped, rules }: Tally): void {
  for (const [rule, count] of Object.entries(rules)) tell(`${rule}: ${count}`);
  if (dropped > 0) tell(`left out: ${dropped}`);
}

function usage(message: string, hint: string): SallyportError {
  return new SallyportError('USAGE', message, { hint });
}
