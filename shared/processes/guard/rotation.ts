/**
 * Moves the oldest blocks of the audit chain from the store into files, so that neither grows without end:
 *
 *   store ─▶ NAME.tmp, durable ─▶ NAME.audit ─▶ gone from the store
 *
 * After a crash anywhere the chain is whole: blocks are in both, or in the store alone.
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { auditFileName, auditFilesOf, writeBlock } from '../../audit/file.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Store } from '../../store/port.ts';

export interface RotationOptions {
  readonly store: Pick<Store, 'auditSpan' | 'auditBlocks' | 'later'>;
  /** Where the files lie; made where it is missing. */
  readonly dir: string;
  readonly log: Pick<Logger, 'warn'>;
  readonly eventsMax?: number;
  readonly fileBytesMax?: number;
}

/** Returns what is to be called from time to time. Never rejects: what fails is tried again. */
export function createRotation(options: RotationOptions): () => Promise<void> {
  const { store, log, eventsMax = limits.auditStoreEventsMax } = options;
  let busy = false;
  return async () => {
    if (busy) return;
    busy = true;
    try {
      const span = store.auditSpan();
      if (span !== undefined && span.events > eventsMax) await rotate(options, span, eventsMax / 2);
    } catch (thrown) {
      const { code, message } = asSallyportError(thrown);
      log.warn({ code, detail: message }, 'the audit log is not moved into a file');
    } finally {
      busy = false;
    }
  };
}

async function rotate(
  { store, dir, fileBytesMax = limits.auditFileBytesMax }: RotationOptions,
  { first, events }: { readonly first: number; readonly events: number },
  keep: number,
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const before = auditFilesOf(await readdir(dir)).at(-1)?.last ?? first - 1;
  if (before >= first) return store.later((tx) => tx.forgetAudit(before));
  if (before !== first - 1) {
    throw new SallyportError(
      'AUDIT_BROKEN',
      `files end with block ${before}, the store has ${first}`,
    );
  }
  const temporary = join(dir, 'next.tmp');
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  let last = before;
  try {
    let [bytes, left] = [0, events];
    while (bytes < fileBytesMax && left > keep) {
      const [block] = store.auditBlocks(last + 1, 1);
      if (block === undefined || left - block.count <= 0) break;
      const written = writeBlock(block);
      await file.appendFile(written);
      bytes += written.length;
      left -= block.count;
      last = block.sequence;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (last === before) return;
  await rename(temporary, join(dir, auditFileName(first, last)));
  const folder = await open(dir, 'r');
  await folder.sync().finally(() => folder.close());
  await store.later((tx) => tx.forgetAudit(last));
}
