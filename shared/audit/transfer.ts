/**
 * Blocks over a local socket: what the guard answers to `audit-blocks {from, count}`, and how it is read.
 * The head lists the blocks, the body holds their events one after the other.
 */
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Answer, Reply } from '../processes/ipc/peer.ts';
import type { AuditBlock, Store } from '../store/port.ts';

interface Listed extends Omit<AuditBlock, 'events'> {
  readonly bytes: number;
}

/**
 * As many blocks as were asked for and fit one answer; at least one, unless there is none.
 * Errors: IPC_FRAME.
 */
export function answerAuditBlocks(store: Pick<Store, 'auditBlocks'>, head: unknown): Reply {
  const { from, count } = (head ?? {}) as Record<string, unknown>;
  if (!isCount(from) || !isCount(count)) {
    throw new SallyportError('IPC_FRAME', 'expected the first block and how many');
  }
  const listed: Listed[] = [];
  const bodies: Uint8Array[] = [];
  let total = 0;
  for (const { events, ...block } of store.auditBlocks(
    from,
    Math.min(count, limits.auditBlocksPerReplyMax),
  )) {
    total += events.length;
    if (listed.length > 0 && total > limits.auditReplyBytesMax) break;
    listed.push({ ...block, bytes: events.length });
    bodies.push(events);
  }
  return { head: listed, body: Buffer.concat(bodies) };
}

/**
 * The blocks of such an answer. Their types are checked here, their content is not. Errors:
 * IPC_FRAME.
 */
export function readAuditBlocks({ head, body }: Answer): AuditBlock[] {
  if (!Array.isArray(head) || !head.every(isListed)) {
    throw new SallyportError('IPC_FRAME', 'expected a list of blocks');
  }
  let offset = 0;
  return head.map(({ bytes, ...block }) => {
    const events = body.subarray(offset, offset + bytes);
    offset += bytes;
    if (events.length !== bytes) throw new SallyportError('IPC_FRAME', 'expected whole blocks');
    return { ...block, events };
  });
}

/** Blocks from a sequence on, some of them; none after the last. */
export type BlockSource = (from: number) => Promise<readonly AuditBlock[]>;

/** All blocks of a source, in order. */
export async function* everyBlock(blocks: BlockSource, first = 1): AsyncGenerator<AuditBlock> {
  for (let from = first; ; ) {
    const page = await blocks(from);
    yield* page;
    const next = (page.at(-1)?.sequence ?? 0) + 1;
    if (next <= from) return;
    from = next;
  }
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) > 0;

function isListed(row: unknown): row is Listed {
  const { sequence, atMs, previous, hash, count, bytes } = (row ?? {}) as Record<string, unknown>;
  return (
    [sequence, atMs, count, bytes].every((value) => Number.isSafeInteger(value)) &&
    Number(bytes) >= 0 &&
    typeof previous === 'string' &&
    typeof hash === 'string'
  );
}
