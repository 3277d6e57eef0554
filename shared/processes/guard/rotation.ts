/**
 * Moves the oldest blocks of the audit chain from the store into files, so that neither grows without end:
 *
 *   store ─▶ a temporary file ─▶ NAME.audit, durable ─▶ gone from the store
 *
 * After a crash anywhere the chain is whole: blocks are in both, or in the store alone.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { auditFileName, auditFilesOf, writeBlock } from '../../audit/file.ts';
import { depositFile } from '../../channel/spool.ts';
import { asSallyportError } from '../../errors.ts';
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
  const names = await readdir(dir);
  for (const name of names.filter(isHalf)) await rm(join(dir, name), { force: true });
  const before = auditFilesOf(names).at(-1)?.last ?? first - 1;
  if (before >= first) return forget(store, first, before);
  const parts: Buffer[] = [];
  let [last, bytes, left] = [before, 0, events];
  const isEnough = (): boolean => bytes >= fileBytesMax || left <= keep;
  while (!isEnough()) {
    const page = store.auditBlocks(last + 1, limits.auditBlocksPerReplyMax);
    for (const block of page) {
      if (isEnough() || left <= block.count) break;
      const part = writeBlock(block);
      parts.push(part);
      bytes += part.length;
      left -= block.count;
      last = block.sequence;
    }
    if (page.at(-1)?.sequence !== last) break;
    await turn();
  }
  if (parts.length === 0) return;
  const file = await depositFile(dir, auditFileName(first, last));
  await file.write(Buffer.concat(parts));
  await file.commit();
  await forget(store, first, last);
}

/** A few at a time: calls that come meanwhile wait for one commit, not for all. */
async function forget(store: RotationOptions['store'], first: number, last: number): Promise<void> {
  for (let through = first - 1; through < last; ) {
    through = Math.min(through + limits.auditBlocksPerReplyMax, last);
    const upTo = through;
    await store.later((tx) => tx.forgetAudit(upTo));
  }
}

/** What a crash left of a file. */
const isHalf = (name: string): boolean => name.startsWith('.') && name.endsWith('.tmp');
