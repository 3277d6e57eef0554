/** A file of an archive, and what it may be called there. */
import { limits } from '../../limits.ts';
import { nameFault } from '../text.ts';
import { archiveRefused } from './refusals.ts';

export interface Unpacked {
  /** Relative, in NFC, with `/`; empty for the one content of a gzip. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** A name that stays where it is put, on every system. Errors: ARCHIVE_REFUSED. */
export function expectName(name: string): void {
  const parts = name.replace(/\/$/, '').split('/');
  const sound =
    Buffer.byteLength(name) <= limits.archiveNameBytesMax &&
    !/[\\:*?"<>|]/.test(name) &&
    nameFault(name) === undefined &&
    parts.every(
      (part) => !/^(?:\.{0,2}|.*[. ]|(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?)$/i.test(part),
    );
  if (!sound) throw archiveRefused('name');
}
