/** Documents and archives that may not go on. */
import { SallyportError } from '../../errors.ts';

export function encrypted(): SallyportError {
  return new SallyportError(
    'FILE_ENCRYPTED',
    'expected a document that can be looked into, got none',
    {
      hint: 'send the document without password and in a usual form',
    },
  );
}

export function active(): SallyportError {
  return new SallyportError('FILE_ACTIVE', 'expected a document without active content, got some', {
    hint: 'send a version without macros, scripts, embedded files and external templates',
  });
}

/** Why an archive is refused; in the message of the error, never with a name of it. */
type ArchiveRule =
  | 'entries'
  | 'bytes'
  | 'ratio'
  | 'name'
  | 'duplicate'
  | 'link'
  | 'headers'
  | 'damaged'
  | 'depth';

export function archiveRefused(rule: ArchiveRule, cause?: unknown): SallyportError {
  return new SallyportError('ARCHIVE_REFUSED', `expected a plain archive, got a break of ${rule}`, {
    hint: 'pack regular files with relative names, within the limits, not deep in each other',
    cause,
  });
}
