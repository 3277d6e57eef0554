/** `sallyport mask run`: a file of any size, masked record by record, by a policy or by a node. */
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Json } from '@sallyport/shared/content/json.ts';
import type { Tally } from '@sallyport/shared/content/place.ts';
import type { Rewrite } from '@sallyport/shared/content/rewrite.ts';
import { csvFault, csvOf } from '@sallyport/shared/content/stream/csv.ts';
import { jsonArray } from '@sallyport/shared/content/stream/json-array.ts';
import { ndjson } from '@sallyport/shared/content/stream/ndjson.ts';
import type { RecordFormat, RecordTexts } from '@sallyport/shared/content/stream/record.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { groupsOf, rewriteAll } from '@sallyport/shared/policy/file-records.ts';
import { bytesText, spanText } from './amounts.ts';
import { maskerOfNode } from './mask-by-node.ts';
import { maskerOfPolicy, type RecordMasker } from './mask-by-policy.ts';
import { result, resultJson, tell } from './print.ts';
import { showProgress } from './progress.ts';
import { writeOut } from './write-out.ts';

interface Flags {
  readonly policy?: string;
  readonly dir?: string;
  readonly consumer: string;
  readonly route: string;
  readonly plugins?: string;
  readonly json?: boolean;
}

/** Errors: those of the masker, JSON_REFUSED, CSV_REFUSED, USAGE. Memory does not grow with the file. */
export async function runMask(from: string, to: string, flags: Flags): Promise<void> {
  if (existsSync(to)) throw usage(`expected a new file, ${to} is there`, 'name another file');
  const { size } = await stat(from).catch(() => {
    throw usage(`expected a file to read, got none at ${from}`, 'name a file that exists');
  });
  const startedMs = performance.now();
  const tally: Tally = { dropped: 0, rules: {} };
  let records = 0;
  const masker = await maskerFor(flags);
  const progress = showProgress('masking', size);
  const source = createReadStream(from, { highWaterMark: limits.recordPieceBytes });
  const count = (more: number): void => {
    const before = records;
    records += more;
    if (before >> 8 !== records >> 8) progress.at(source.bytesRead);
  };
  async function* masked(format: RecordFormat): AsyncGenerator<Json> {
    for await (const group of groupsOf(format.records(source), masker.groupMax)) {
      yield* await masker.mask(group, tally);
      count(group.length);
    }
  }
  async function* rewritten(texts: RecordTexts, rewrite: Rewrite): AsyncGenerator<Uint8Array[]> {
    for await (const group of texts.cut(source)) {
      yield rewriteAll(rewrite, group, tally);
      count(group.length);
    }
  }
  try {
    const format = formatOf(from, masker);
    const { texts } = format;
    const { rewrite } = masker;
    const straight = texts && rewrite && texts.join(rewritten(texts, rewrite));
    await writeWhole(to, straight ?? format.write(masked(format)));
  } finally {
    progress.end();
    source.destroy();
    masker.close();
  }
  const tookMs = performance.now() - startedMs;
  if (flags.json === true) return resultJson({ records, bytes: size, tookMs, ...tally });
  const speed = `${bytesText(size / (tookMs / 1000))}/s`;
  result(`${counted(records, 'record')}, ${bytesText(size)} in ${spanText(tookMs)}, ${speed}`);
  tellTally(tally);
}

async function maskerFor({ policy, dir, ...flags }: Flags): Promise<RecordMasker> {
  if (policy !== undefined && dir === undefined) return maskerOfPolicy({ ...flags, policy });
  if (dir === undefined || policy !== undefined || flags.plugins !== undefined) {
    const hint = 'a node has a policy and plug-ins of its own';
    throw usage('expected either --policy, with its --plugins, or --dir', hint);
  }
  return maskerOfNode({ ...flags, dir });
}

function formatOf(file: string, { recordSchema, columns }: RecordMasker): RecordFormat {
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

/**
 * Under a temporary name (mode 0600) that is this run's alone, and goes where a fault is found. Errors: USAGE
 * where no file can be made there, or one of that name is.
 */
async function writeWhole(file: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  const part = `${file}.part`;
  writeOut(part, '', { mode: 0o600 });
  try {
    await pipeline(pieces, createWriteStream(part, { flags: 'r+', flush: true }));
    renameSync(part, file);
  } catch (thrown) {
    rmSync(part, { force: true });
    throw thrown;
  }
}

export function tellTally({ dropped, rules }: Tally): void {
  for (const [rule, count] of Object.entries(rules)) tell(`${rule}: ${count}`);
  if (dropped > 0) tell(`left out: ${dropped}`);
}

function usage(message: string, hint: string): SallyportError {
  return new SallyportError('USAGE', message, { hint });
}
