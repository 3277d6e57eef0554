/**
 * Frames: how messages lie in the plaintext of a package, one after the other across segments.
 *
 *   salt (16) │ u32 header length │ u64 body length │ header │ body        leaf = H(0x00 ‖ salt ‖ H(message))
 *              ╰────────────────────── message ──────────────────╯
 */
import { createHash, type Hash } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import type { MessageHeader } from '../exchange/message.ts';
import { leafHash, treeRoot } from './merkle.ts';
import { decodeHeader, lengthsBytes, readLengths } from './message.ts';
import type { Suite } from './suites.ts';

export const saltBytes = 16;

/** Leaf of a message in the message tree. The salt keeps a digest from being guessed from the message. */
export function messageLeaf(salt: Uint8Array, digest: Buffer, suite: Suite): Buffer {
  return leafHash(suite.hash.name, salt, digest);
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
  /** Cuts authenticated plaintext into parts; views into it. Errors: PACKAGE_MESSAGE. */
  push(plain: Buffer): Generator<FramePart>;
  /** After the last segment: checks that nothing is open and count and root are the manifest's. */
  finish(): readonly Buffer[];
}

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
  let held: Buffer = Buffer.alloc(0);
  let open: OpenMessage | undefined;
  let contentLeft = expected.contentBytes;

  function* push(plain: Buffer): Generator<FramePart> {
    let rest = held.length === 0 ? plain : Buffer.concat([held, plain]);
    held = rest.subarray(rest.length);
    while (rest.length > 0) {
      if (!open) {
        const head = readHead(rest, contentLeft);
        if (!head) {
          held = rest;
          return;
        }
        if (leaves.length === expected.messageCount) throw refused('no message beyond the count');
        rest = rest.subarray(head.bytes);
        contentLeft -= head.bytes + head.part.bodyBytes;
        const hash = createHash(suite.hash.name).update(head.part.head);
        open = { salt: head.part.salt, hash, left: head.part.bodyBytes };
        yield { ...head.part, index: leaves.length };
      }
      if (open.left > 0 && rest.length > 0) {
        const bytes = rest.subarray(0, open.left);
        rest = rest.subarray(bytes.length);
        open.left -= bytes.length;
        open.hash.update(bytes);
        yield { part: 'body', bytes };
      }
      if (open.left === 0) {
        const digest = open.hash.digest();
        const index = leaves.push(messageLeaf(open.salt, digest, suite)) - 1;
        open = undefined;
        yield { part: 'end', index, digest: digest.toString('hex') };
      }
    }
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

/** The head of a frame, or nothing where more bytes are needed. */
function readHead(
  bytes: Buffer,
  contentLeft: number,
): { part: Extract<FramePart, { part: 'message' }>; bytes: number } | undefined {
  const headerStart = saltBytes + lengthsBytes;
  if (bytes.length < headerStart) return undefined;
  const lengths = bytes.subarray(saltBytes, headerStart);
  const { headerBytes, bodyBytes } = readLengths(lengths, contentLeft);
  const end = headerStart + headerBytes;
  if (end + bodyBytes > contentLeft) throw refused('a message inside the content');
  if (bytes.length < end) return undefined;
  const header = decodeHeader(bytes.subarray(headerStart, end));
  const salt = bytes.subarray(0, saltBytes);
  const head = bytes.subarray(saltBytes, end);
  return { part: { part: 'message', index: 0, header, head, salt, bodyBytes }, bytes: end };
}

function refused(expected: string): SallyportError {
  return new SallyportError('PACKAGE_MESSAGE', `expected ${expected}`);
}
