/**
 * Sealing into a file what is too large for memory. All sizes are known beforehand: the space of the
 * manifest, which comes first in the file and is made last, is left free and filled at the end.
 */
import { createHash, randomBytes } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import { messageLeaf } from './frame.ts';
import { digestOf, treeRoot } from './merkle.ts';
import type { EncodedMessage } from './message.ts';
import { type Content, newSalts, planOf, type Sealed, type SealOptions, sealHead } from './seal.ts';
import { contentOf, leafInput, type SegmentPlan, sealEntry, segmentAt } from './segments.ts';
import type { ByteSink } from './source.ts';
import { type Suite, suiteOf } from './suites.ts';
import { archiveEnd, entryBytes } from './tar.ts';

/**
 * A message whose body is too large for memory. `body` opens it; it must yield exactly `bodyBytes`.
 */
export interface StreamedMessage {
  readonly head: Buffer;
  readonly bodyBytes: number;
  readonly body: () => AsyncIterable<Uint8Array>;
}

/**
 * Seals messages of any size into a sink, two segments in memory at a time. Returns also the file's
 * size. Errors: as sealPackage, and those of the sink and of the bodies.
 */
export async function sealPackageTo(
  sink: ByteSink,
  options: SealOptions & { readonly messages: readonly (EncodedMessage | StreamedMessage)[] },
): Promise<Sealed & { readonly size: number }> {
  const { messages } = options;
  const plan = planOf(
    options,
    messages.map((one) => one.head.length + ('digest' in one ? one.body.length : one.bodyBytes)),
  );
  const headBytes = await expectedHeadBytes(options, plan, messages.length);
  let offset = headBytes;
  const content = await sealContent(options, plan, messages, async (entry) => {
    offset += entry.length;
    await sink.write(offset - entry.length, entry);
  });
  await sink.write(offset, archiveEnd);
  for (let attempt = 0; attempt < signAttemptsMax; attempt += 1) {
    const { head, result } = await sealHead(options, content);
    const joined = Buffer.concat(head);
    if (joined.length !== headBytes) continue;
    await sink.write(0, joined);
    return { ...result, size: offset + archiveEnd.length };
  }
  throw new SallyportError('INTERNAL', 'expected a signature of the usual length');
}

/**
 * A signature is 70 or 71 bytes in DER, seldom less. Where just that decides whether the manifest
 * takes one block more, the first signature may not fit the space; each further one does in half of
 * the cases.
 */
const signAttemptsMax = 64;

/** The entry's memory is used again when the promise resolves. */
type Append = (entry: Buffer) => Promise<void>;
type Sealable = EncodedMessage | StreamedMessage;

/**
 * Writes every segment's archive entry in order. One is written, in one piece, while the next one fills.
 */
async function sealContent(
  options: SealOptions,
  plan: SegmentPlan,
  messages: readonly Sealable[],
  append: Append,
): Promise<Content> {
  const suite = suiteOf(options.suite);
  const kek = randomBytes(suite.wrap.keyBytes);
  const segmentLeaves: Buffer[] = [];
  const memories = memoriesOf(plan, suite);
  const next = () => {
    const segment = segmentAt(plan, segmentLeaves.length, suite);
    const memory = memories[segmentLeaves.length % memories.length] ?? Buffer.alloc(0);
    const entry = memory.subarray(0, entryBytes(segment.fileBytes));
    return { segment, entry, content: contentOf(entry, segment, suite) };
  };
  let filling = next();
  let filled = 0;
  let writing: Promise<void> = Promise.resolve();

  const flush = async (): Promise<void> => {
    const { segment, entry } = filling;
    sealEntry(entry, segment, kek, suite);
    segmentLeaves.push(digestOf(suite.hash.name, leafInput(entry, segment)));
    await writing;
    writing = append(entry);
    // Awaited before the next write or at the end: until then a failure is not unhandled.
    writing.catch(() => {});
    filled = 0;
    if (segmentLeaves.length < plan.segmentCount) filling = next();
  };
  const put = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + filling.content.length - filled);
      filling.content.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled === filling.content.length) await flush();
    }
  };

  const salts = newSalts(messages.length);
  const leaves: Buffer[] = [];
  try {
    for (const [index, message] of messages.entries()) {
      const salt = salts[index] ?? Buffer.alloc(0);
      await put(salt);
      await put(message.head);
      leaves.push(messageLeaf(salt, await putBody(message, put, suite), suite));
    }
  } finally {
    await writing;
  }
  const { name } = suite.hash;
  return {
    plan,
    kek,
    segmentRoot: treeRoot(name, segmentLeaves).toString('hex'),
    messageRoot: treeRoot(name, leaves).toString('hex'),
    salts,
    leaves,
  };
}

/** Room for one entry, or for two where one is written while the other fills. */
function memoriesOf(plan: SegmentPlan, suite: Suite): Buffer[] {
  const bytes = entryBytes(segmentAt(plan, 0, suite).fileBytes);
  const count = Math.min(plan.segmentCount, 2);
  return Array.from({ length: count }, () => Buffer.allocUnsafe(bytes));
}

/** Puts the body and returns the digest of the whole message. */
async function putBody(
  message: Sealable,
  put: (bytes: Uint8Array) => Promise<void>,
  suite: Suite,
): Promise<string> {
  if ('digest' in message) {
    await put(message.body);
    return message.digest;
  }
  const digest = createHash(suite.hash.name).update(message.head);
  let left = message.bodyBytes;
  for await (const chunk of message.body()) {
    left -= chunk.length;
    if (left < 0) break;
    digest.update(chunk);
    await put(chunk);
  }
  if (left === 0) return digest.digest('hex');
  throw new SallyportError(
    'PACKAGE_MESSAGE',
    `expected a body of ${message.bodyBytes} bytes, got ${left < 0 ? 'more' : 'less'}`,
    { hint: 'the source changed while it was sealed' },
  );
}

/** Size of both head entries: digests of any value are as long as the real ones. */
async function expectedHeadBytes(
  options: SealOptions,
  plan: SegmentPlan,
  messageCount: number,
): Promise<number> {
  const suite = suiteOf(options.suite);
  const blank = Buffer.alloc(suite.hash.bytes, 0xff).toString('hex');
  const { head } = await sealHead(
    {
      ...options,
      // r and s that take 33 and 32 bytes in DER: the longest signature.
      sender: { ...options.sender, sign: async () => Buffer.alloc(64, 0x80) },
    },
    {
      plan,
      kek: Buffer.alloc(suite.wrap.keyBytes),
      segmentRoot: blank,
      messageRoot: blank,
      salts: [],
      leaves: Array.from({ length: messageCount }, () => Buffer.alloc(0)),
    },
  );
  return head.reduce((sum, piece) => sum + piece.length, 0);
}
