/** Files of the audit chain, and where each block is: docs/spec/audit.md §Files. */
import { SallyportError } from '../errors.ts';
import type { AuditBlock } from '../store/port.ts';

/** Which blocks a file holds, as its name says. */
export interface AuditFile {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

export function auditFileName(first: number, last: number): string {
  return `${[first, last].map((sequence) => String(sequence).padStart(12, '0')).join('-')}.audit`;
}

/** Those of a folder's names that are of the log, in order. */
export function auditFilesOf(names: readonly string[]): AuditFile[] {
  return names.toSorted().flatMap((name) => {
    const [, first, last] = /^(\d{12})-(\d{12})\.audit$/.exec(name) ?? [];
    if (first === undefined || last === undefined) return [];
    return [{ name, first: Number(first), last: Number(last) }];
  });
}

/** A block as a file holds it. */
export function writeBlock({ events, ...block }: AuditBlock): Buffer {
  const { sequence, atMs, previous, hash, count } = block;
  const head = { sequence, atMs, previous, hash, count, bytes: events.length };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), events]);
}

/** The blocks of a file. Their types are checked here, their content is not. Errors: AUDIT_BROKEN. */
export function readBlocks(file: Buffer): AuditBlock[] {
  const blocks: AuditBlock[] = [];
  for (let at = 0; at < file.length; ) {
    const end = file.indexOf(0x0a, at);
    const head = end < 0 ? undefined : headOf(file.toString('utf8', at, end));
    if (head === undefined || end + 1 + head.bytes > file.length) {
      const after = blocks.at(-1)?.sequence;
      const where = after === undefined ? 'at its beginning' : `after block ${after}`;
      throw new SallyportError('AUDIT_BROKEN', `expected a block in a file of the log ${where}`);
    }
    const { bytes, ...block } = head;
    at = end + 1 + bytes;
    blocks.push({ ...block, events: file.subarray(end + 1, at) });
  }
  return blocks;
}

function headOf(line: string): (Omit<AuditBlock, 'events'> & { bytes: number }) | undefined {
  try {
    const head = JSON.parse(line);
    const { sequence, atMs, previous, hash, count, bytes } = head ?? {};
    const numbers = [sequence, atMs, count, bytes];
    const isHead = numbers.every((one) => Number.isSafeInteger(one) && one >= 0);
    if (!isHead || typeof previous !== 'string' || typeof hash !== 'string') return undefined;
    return { sequence, atMs, previous, hash, count, bytes };
  } catch {
    return undefined;
  }
}
