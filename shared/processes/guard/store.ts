/**
 * The store of a home, opened so that the node never starts with less than it knew: a lane that goes back
 * would use its sequences twice, one whose past is forgotten would take old packages again.
 *
 *   mark? ▶ file there? ▶ open and check ▶ knows what it made once? ▶ the store
 *     └─────────┴──────────────┴──────────────────┴─▶ STORE_DAMAGED: set aside, never deleted
 */
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asSallyportError, SallyportError } from '../../errors.ts';
import type { Store } from '../../store/port.ts';
import { openStore } from '../../store/sqlite/open.ts';

/**
 * Opens or makes the store. What is damaged, empty or of another kind, or what `expectKnown` refuses with
 * STORE_DAMAGED, is moved into a folder of its own beside it. A store that is damaged while it is used ends
 * the process. Errors: those of openStore.
 */
export async function openHomeStore(
  file: string,
  expectKnown: (store: Store) => Promise<void>,
): Promise<Store> {
  const before = existsSync(markOf(file));
  let store: Store | undefined;
  try {
    if (before && !hasContent(file)) throw gone('none');
    store = openStore(file, endProcess);
    if (before && store.auditHead().sequence === 0) throw gone('an empty one');
    await expectKnown(store);
    setTimeout(markStore, markAfterMs, file).unref();
    return store;
  } catch (thrown) {
    store?.close();
    const error = asSallyportError(thrown);
    if (error.code !== 'STORE_DAMAGED') throw error;
    const place = setAside(file);
    const where = place === undefined ? '' : `; it lies in ${place}`;
    throw new SallyportError('STORE_DAMAGED', `${error.message}${where}`, { hint, cause: thrown });
  }
}

/** From now on an empty store in this place is a fault. */
function markStore(file: string): void {
  const mark = markOf(file);
  if (existsSync(mark)) return;
  try {
    // Synced as it is written: a confined process has no fsync.
    writeFileSync(mark, markText, { mode: 0o600, flag: 'as' });
  } catch {
    // A full disk: the next start tries again.
  }
}

/** Moves a store with its log out of the way; returns where it is now, or undefined where there is none. */
function setAside(file: string): string | undefined {
  const parts = ['', '-wal', '-shm', '-journal'].filter((end) => existsSync(file + end));
  markStore(file);
  if (parts.length === 0) return undefined;
  const stamp = new Date().toISOString().replaceAll(':', '').slice(0, 17);
  const place = join(dirname(file), `damaged-${stamp}-${process.pid}`);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  for (const end of parts) renameSync(file + end, join(place, `sallyport.db${end}`));
  return place;
}

/** By then the guard has recorded its start: the store is not empty any more. */
const markAfterMs = 1_000;

/** What the store still knows, nobody can say: nothing may go on. The supervisor hears why. */
function endProcess(damage: SallyportError): void {
  setImmediate(() => {
    throw damage;
  });
}

const markOf = (file: string): string => `${file}.made`;

const hasContent = (file: string): boolean =>
  (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;

const gone = (got: string): SallyportError =>
  new SallyportError('STORE_DAMAGED', `expected the store that was made here, got ${got}`);

const hint =
  'put back the store as it was when the node last ran, or make the node anew under another id: ' +
  'docs/operating/faults.md, "The store is damaged"';

const markText =
  'The store of this node was made here. While this file is here, the node does not start without it.\n';
