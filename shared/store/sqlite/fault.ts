/** What SQLite or the file system says, in the codes of the error table. */
import { asSallyportError, SallyportError } from '../../errors.ts';

/** Told of damage that a read or a commit meets in a store that is open. */
export type OnDamage = (damage: SallyportError) => void;

/** As storeFault, and tells of damage. */
export function toldFault(thrown: unknown, onDamage: OnDamage): SallyportError {
  const fault = storeFault(thrown);
  if (fault.code === 'STORE_DAMAGED') onDamage(fault);
  return fault;
}

/** Coded errors pass as they are. STORE_FULL, STORE_DAMAGED, HOME_IN_USE, else STORE_FAILED. */
export function storeFault(thrown: unknown): SallyportError {
  if (thrown instanceof SallyportError) return thrown;
  const code = codeOf(thrown);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') {
    return new SallyportError('STORE_FULL', `expected space to write, got ${code}`, {
      hint: 'free space on the file system that holds the store',
      cause: thrown,
    });
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return damaged(`expected an intact store, got ${code}`, thrown);
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new SallyportError('HOME_IN_USE', 'expected a free store, got one with an owner', {
      hint: 'stop the node that runs on this directory first',
      cause: thrown,
    });
  }
  return asSallyportError(thrown, 'STORE_FAILED');
}

export function damaged(message: string, cause?: unknown): SallyportError {
  const hint = 'stop the node, keep the file for examination and restore the store from a backup';
  return new SallyportError('STORE_DAMAGED', message, { hint, cause });
}

function codeOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
