/**
 * A message on the wire (docs/spec/package.md §Messages):
 *
 *   u32 header length │ u64 body length │ header: CBOR [type, {field: value}] │ body
 *
 * The schema is closed: each type has an exact set of fields, read in their one canonical order, so
 * an unknown, missing, repeated or misplaced field is refused. Errors of this module:
 * PACKAGE_MESSAGE.
 */
import { createHash, hash } from 'node:crypto';
import { SallyportError } from '../errors.ts';
import type { Message, MessageHeader } from '../exchange/message.ts';
import { limits } from '../limits.ts';
import * as cbor from './cbor.ts';
import { schemaOf } from './message-schema.ts';
import { type Suite, suites } from './suites.ts';

export interface EncodedMessage {
  /** Both lengths and the header. */
  readonly head: Buffer;
  readonly body: Uint8Array;
  /** Digest (hex) of head ‖ body: what receipts and `requestDigest` name. */
  readonly digest: string;
}

/** Encodes a message whose body is in memory. */
export function encodeMessage(message: Message, suite: Suite = suites['intl-1']): EncodedMessage {
  const { header, body } = message;
  if (body.length > limits.messageBodyBytesMax) {
    throw refused(`a body of at most ${limits.messageBodyBytesMax} bytes, got ${body.length}`);
  }
  const head = encodeHead(header, body.length);
  return { head, body, digest: messageDigest(head, body, suite) };
}

/**
 * Digest (hex) of an encoded message. Small ones at once: a hash object costs more than the copy.
 */
export function messageDigest(head: Uint8Array, body: Uint8Array, suite: Suite): string {
  const { name } = suite.hash;
  if (body.length <= copiedBytesMax) return hash(name, Buffer.concat([head, body]));
  return createHash(name).update(head).update(body).digest('hex');
}

const copiedBytesMax = 64 * 1024;

/** Bytes of the two lengths before a header. */
export const lengthsBytes = 12;

const scratch = Buffer.alloc(limits.messageHeaderBytesMax);

/** The lengths and the header of a message whose body follows by itself. */
export function encodeHead(header: MessageHeader, bodyBytes: number): Buffer {
  const out = { bytes: scratch, at: 0 };
  const values: Readonly<Record<string, unknown>> = { ...header };
  const fields = schemaOf(header.type);
  const present = fields.filter(({ name, optional }) => {
    if (values[name] === undefined && !optional) throw refused(`the field ${name}`);
    return values[name] !== undefined;
  });
  cbor.writeArray(out, 2);
  cbor.writeText(out, header.type);
  cbor.writeMap(out, present.length);
  for (const { name, key, write } of present) {
    cbor.writeEncoded(out, key);
    write(out, values[name]);
  }
  const head = Buffer.allocUnsafe(lengthsBytes + out.at);
  head.writeUInt32BE(out.at, 0);
  head.writeBigUInt64BE(BigInt(bodyBytes), 4);
  scratch.copy(head, lengthsBytes, 0, out.at);
  return head;
}

export interface HeadLengths {
  readonly headerBytes: number;
  readonly bodyBytes: number;
}

/** The two lengths, held against their maxima. `bodyBytesMax`: what the package can still hold. */
export function readLengths(bytes: Buffer, bodyBytesMax: number): HeadLengths {
  const headerBytes = bytes.readUInt32BE(0);
  const bodyBytes = bytes.readBigUInt64BE(4);
  if (headerBytes > limits.messageHeaderBytesMax || bodyBytes > BigInt(bodyBytesMax)) {
    throw refused('lengths inside the package');
  }
  return { headerBytes, bodyBytes: Number(bodyBytes) };
}

/** Decodes exactly one header. */
export function decodeHeader(bytes: Buffer): MessageHeader {
  const from = { bytes, at: 0 };
  if (cbor.readArray(from) !== 2) throw refused('a type and its fields');
  const type = cbor.readText(from);
  const header: Record<string, unknown> = { type };
  let left = cbor.readMap(from);
  for (const { name, key, optional, read } of schemaOf(type)) {
    if (cbor.skipEncoded(from, key)) {
      header[name] = read(from);
      left -= 1;
    } else if (!optional) throw refused(`the field ${name} of ${type} in its place`);
  }
  if (left !== 0 || from.at !== bytes.length) throw refused(`no other field of ${type}`);
  // The schema table is typed against MessageHeader, so a header read by it has that type.
  return header as unknown as MessageHeader;
}

function refused(expected: string): SallyportError {
  return new SallyportError('PACKAGE_MESSAGE', `expected ${expected}`);
}
