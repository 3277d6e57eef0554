/**
 * The spool: a directory where guard and mover meet. A package is there whole or not at all.
 *
 *   write `.<name>.<random>.tmp` ▶ rename to `<name>`
 *
 * Names: `<class>-<sequence, 12 digits>-<packageId>.stp`. docs/spec/channels.md §Spool is the norm.
 */
import { closeSync, constants, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asSallyportError, SallyportError } from '../errors.ts';
import { isId, newId } from '../ids.ts';
import type { FlowClass } from '../ports.ts';

export interface SpoolName {
  readonly flowClass: FlowClass;
  /** 1 to 999,999,999,999. */
  readonly sequence: number;
  readonly packageId: string;
}

/** A file on its way into a spool; nobody sees it until `commit`. */
export interface Deposit {
  /** Appends; resolves when the operating system took the bytes. CHANNEL_FULL on a full disk. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the file durable under its final name, replacing a former copy. Returns its path. */
  commit(): Promise<string>;
  /** Forgets what was written. Never throws. */
  abort(): Promise<void>;
}

const namePattern = /^(interactive|bulk)-([0-9]{12})-([0-9a-f]{32})\.stp$/;
const temporaryPattern = /^\.(.+)\.[0-9a-f]{8}\.tmp$/;

/** The file name of a package in a spool. */
export function spoolName({ flowClass, sequence, packageId }: SpoolName): string {
  return `${flowClass}-${String(sequence).padStart(12, '0')}-${packageId}.stp`;
}

/** Reads a file name from outside; undefined for anything that spoolName would not make. */
export function parseSpoolName(name: string): SpoolName | undefined {
  const match = namePattern.exec(name);
  const [, flowClass, digits, packageId] = match ?? [];
  const sequence = Number(digits);
  if (!match || !isId(packageId) || sequence < 1) return undefined;
  return { flowClass: flowClass === 'bulk' ? 'bulk' : 'interactive', sequence, packageId };
}

/** Names of the finished packages in `dir`: interactive before bulk, then by sequence. */
export async function listSpool(dir: string): Promise<string[]> {
  const names = await readdir(dir);
  return names.filter((name) => parseSpoolName(name) !== undefined).sort(bySpoolOrder);
}

/** Sorts spool names into the order in which they travel. */
export function bySpoolOrder(a: string, b: string): number {
  // 'interactive' sorts after 'bulk', so the class decides the other way round; digits are padded.
  if (a[0] !== b[0]) return a < b ? 1 : -1;
  return a < b ? -1 : Number(a > b);
}

/** Removes what a crash left unfinished. For the one process that deposits into `dir`, at start. */
export async function cleanSpool(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const [, finalName = ''] = temporaryPattern.exec(name) ?? [];
    if (parseSpoolName(finalName)) await rm(join(dir, name), { force: true });
  }
}

/** A file on its way into the spool of this node, which only hands over: see `handOver`. */
export interface HandOver {
  /** Appends. CHANNEL_FULL on a full disk. */
  write(chunk: Uint8Array): void;
  /** Gives the file its final name, replacing a former copy. Returns its path. */
  commit(): string;
  /** Forgets what was written. Never throws. */
  abort(): void;
}

/**
 * As `depositFile`, without making anything durable: for packages whose sender keeps them until their
 * receipt. Synchronous, because a trip to another thread costs more than the call.
 */
export function handOver(dir: string, name: string): HandOver {
  const temporary = temporaryPath(dir, name);
  const file = coded(() => openSync(temporary, temporaryFlags, 0o600));
  const abort = (): void => {
    closeQuietly(file);
    rmSync(temporary, { force: true });
  };
  return {
    write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        at += coded(() => writeSync(file, chunk, at, chunk.length - at));
      }
    },
    commit() {
      const path = join(dir, name);
      try {
        coded(() => renameSync(temporary, path));
        return path;
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      } finally {
        closeQuietly(file);
      }
    },
    abort,
  };
}

/**
 * Begins a file in `dir`. Node has no fsync for a confined process, so each write is a synced one, and so
 * is one more after the rename, which takes the rename with it: the journal that it waits for has both.
 * CHANNEL_FULL on a full disk, INTERNAL where the directory is unusable.
 */
export async function depositFile(dir: string, name: string): Promise<Deposit> {
  const temporary = temporaryPath(dir, name);
  const file = await open(temporary, temporaryFlags | constants.O_SYNC, 0o600).catch(fail);
  let size = 0;
  let last: Uint8Array = new Uint8Array(0);
  const abort = async (): Promise<void> => {
    await file.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
  };
  const finish = async (): Promise<string> => {
    const path = join(dir, name);
    await rename(temporary, path);
    if (size > 0) await file.write(last, 0, 1, size - 1);
    await file.close();
    return path;
  };
  return {
    async write(chunk) {
      await writeAll(file, chunk).catch(fail);
      if (chunk.length === 0) return;
      size += chunk.length;
      last = Uint8Array.of(chunk[chunk.length - 1] ?? 0);
    },
    commit: async () => {
      try {
        return await finish().catch(fail);
      } catch (error) {
        await abort();
        throw error;
      }
    },
    abort,
  };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
  }
}

function coded<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    return fail(cause);
  }
}

function fail(cause: unknown): never {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (!['ENOSPC', 'EDQUOT'].includes(code)) throw asSallyportError(cause);
  const hint = 'free space on the volume of the spool';
  const message = `expected room on the disk, got ${code}`;
  throw new SallyportError('CHANNEL_FULL', message, { hint, cause });
}

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const temporaryFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

/** Random, so that a torn transfer that is being forgotten cannot meet its own repetition. */
function temporaryPath(dir: string, name: string): string {
  return join(dir, `.${name}.${newId().slice(-8)}.tmp`);
}

function closeQuietly(file: number): void {
  try {
    closeSync(file);
  } catch {
    // closed already
  }
}
