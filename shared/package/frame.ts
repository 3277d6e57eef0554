/**
 * Frames: how messages lie in the plaintext of a package, one after the other across segments.
 *
 *   salt (16) │ u32 header length │ u64 body length │ header │ body
 *             ╰────────────────────── message ───────────────────╯    leaf = H(0 ‖ salt ‖ H(message))
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import type { MessageHeader } from '../exchange/message.ts';
import { digestOf, leafPrefix, treeRoot } from './merkle.ts';
import { decodeHeader, lengthsBytes, readLengths } from './message.ts';
import type { Suite } from './suites.ts';

export const saltBytes = 16;

/**
 * Leaf in the message tree; `digest` in hex. The salt keeps a leaf from telling whether a guessed
 * message is there.
 */
export function messageLeaf(salt: Uint8Array, digest: string, suite: Suite): Buffer {
  return digestOf(suite.hash.name, Buffer.concat([leafPrefix, salt, Buffer.from(digest, 'hex')]));
}

/** What a reader meets, in order: message, body*, end, message, … */
export type FramePart =
  | {
      readonly part: 'message';
      readonly index: number;
      readonly header: MessageHeader;
      /** Both lengths and the header, as encoded. */
      readonly head: Buffer;
      readonly salt: Buffer;
      readonly bodyBytes: number;
    }
  | { readonly part: 'body'; readonly bytes: Buffer }
  | { readonly part: 'end'; readonly index: number; readonly digest: string };

export interface FrameReader {
  /**
   * Cuts authenticated plaintext into parts. Bodies are views into it; nothing else refers to it.
   * Errors: PACKAGE_MESSAGE.
   */
  push(plain: Buffer): FramePart[];
  /** After the last segment: checks that nothing is open and count and root are the manifest's. */
  finish(): readonly Buffer[];
}

/** A message that lies across segments. */
interface OpenMessage {
  readonly salt: Buffer;
  readonly hash: Hash;
  left: number;
}

export function createFrameReader(
  expected: { contentBytes: number; messageCount: number; messageRoot: string },
  suite: Suite,
): FrameReader {
  const leaves: Buffer[] = [];
  const none = Buffer.alloc(0);
  let held: Buffer = none;
  let open: OpenMessage | undefined;
  let contentLeft = expected.contentBytes;

  const end = (salt: Buffer, digest: string): FramePart => {
    const index = leaves.push(messageLeaf(salt, digest, suite)) - 1;
    return { part: 'end', index, digest };
  };

  function push(plain: Buffer): FramePart[] {
    const parts: FramePart[] = [];
    const bytes = held.length === 0 ? plain : Buffer.concat([held, plain]);
    held = none;
    let at = 0;
    while (at < bytes.length) {
      if (open) {
        const piece = bytes.subarray(at, at + open.left);
        at += piece.length;
        open.left -= piece.length;
        open.hash.update(piece);
        parts.push({ part: 'body', bytes: piece });
        if (open.left > 0) break;
        parts.push(end(open.salt, open.hash.digest('hex')));
        open = undefined;
        continue;
      }
      const head = readHead(bytes.subarray(at), contentLeft);
      if (!head) {
        held = Buffer.from(bytes.subarray(at));
        break;
      }
      if (leaves.length === expected.messageCount) throw refused('no message beyond the count');
      const { salt, bodyBytes } = head;
      const start = at + saltBytes;
      at = start + head.head.length;
      contentLeft -= saltBytes + head.head.length + bodyBytes;
      parts.push({ part: 'message', index: leaves.length, ...head });
      if (bodyBytes > bytes.length - at) {
        open = { salt, hash: createHash(suite.hash.name).update(head.head), left: bodyBytes };
        continue;
      }
      const body = bytes.subarray(at, at + bodyBytes);
      at += bodyBytes;
      if (bodyBytes > 0) parts.push({ part: 'body', bytes: body });
      parts.push(end(salt, hash(suite.hash.name, bytes.subarray(start, at))));
    }
    return parts;
  }

  function finish(): readonly Buffer[] {
    if (open || held.length > 0) throw refused('whole messages');
    if (leaves.length !== expected.messageCount) throw refused('as many messages as the manifest');
    const root = treeRoot(suite.hash.name, leaves).toString('hex');
    if (root !== expected.messageRoot) throw refused('the message root of the manifest');
    return leaves;
  }

  return { push, finish };
}

type FrameHead = Omit<Extract<FramePart, { part: 'message' }>, 'part' | 'index'>;

/** The head of a frame, or nothing where more bytes are needed. */
function readHead(bytes: Buffer, contentLeft: number): FrameHead | undefined {
  const headerStart = saltBytes + lengthsBytes;
  if (bytes.length < headerStart) return undefined;
  const lengths = bytes.subarray(saltBytes, headerStart);
  const { headerBytes, bodyBytes } = readLengths(lengths, contentLeft);
  const end = headerStart + headerBytes;
  if (end + bodyBytes > contentLeft) throw refused('a message inside the content');
  if (bytes.length < end) return undefined;
  const kept = Buffer.from(bytes.subarray(0, end));
  return {
    header: decodeHeader(kept.subarray(headerStart)),
    head: kept.subarray(saltBytes),
    salt: kept.subarray(0, saltBytes),
    bodyBytes,
  };
}

function refused(expected: string): SallyportError {
  return new SallyportError('PACKAGE_MESSAGE', `expected ${expected}`);
}
