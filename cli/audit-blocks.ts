/** The blocks of a node's audit chain: from its files, then from the node if it runs, else from its store. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditFilesOf, readBlocks } from '@sallyport/shared/audit/file.ts';
import { type BlockSource, readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { AuditBlock } from '@sallyport/shared/store/port.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { control } from './control.ts';

/**
 * `elsewhere`: a folder with files that were moved. `first`: the first block that a file holds, or 1. A
 * store is held only as long as `work` takes. Errors: HOME_MISSING, AUDIT_BROKEN, those of the node.
 */
export async function withBlocks(
  dir: string,
  elsewhere: string | undefined,
  work: (blocks: BlockSource, first: number) => Promise<void>,
): Promise<void> {
  const folders = [homePaths(dir).auditFiles, ...(elsewhere === undefined ? [] : [elsewhere])];
  const count = limits.auditBlocksPerReplyMax;
  const ask: BlockSource = async (from) =>
    readAuditBlocks(await control(dir, 'audit-blocks', { from, count }));
  try {
    await ask(1);
  } catch (thrown) {
    if (asSallyportError(thrown).code !== 'NODE_NOT_RUNNING') throw thrown;
    return withStoredBlocks(dir, (blocks) => work(withFiles(folders, blocks), firstOf(folders)));
  }
  await work(withFiles(folders, ask), firstOf(folders));
}

function firstOf(folders: readonly string[]): number {
  const held = folders.filter(existsSync).flatMap((one) => auditFilesOf(readdirSync(one)));
  return held.reduce((least, { first }) => Math.min(least, first), held[0]?.first ?? 1);
}

/** A running node may move blocks into a file between two questions: then they are looked for again. */
function withFiles(folders: readonly string[], young: BlockSource): BlockSource {
  return async (from) => {
    const filed = fileBlocks(folders, from);
    if (filed !== undefined) return filed;
    const page = await young(from);
    const [first] = page;
    if (first === undefined || first.sequence === from) return page;
    return fileBlocks(folders, from) ?? page;
  };
}

function fileBlocks(folders: readonly string[], from: number): AuditBlock[] | undefined {
  for (const folder of folders) {
    if (!existsSync(folder)) continue;
    const holds = auditFilesOf(readdirSync(folder)).find(
      ({ first, last }) => first <= from && from <= last,
    );
    if (holds === undefined) continue;
    const blocks = readBlocks(readFileSync(join(folder, holds.name)));
    const wanted = blocks.slice(from - holds.first);
    if (wanted.length > 0) return wanted;
    throw new SallyportError('AUDIT_BROKEN', `expected block ${from} in ${holds.name}, got none`);
  }
  return undefined;
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
