/**
 * A message on the wire (docs/spec/package.md §Messages):
 *
 *   u32 header length │ u64 body length │ header: CBOR [type, {field: value}] │ body
 *
 * The schema is closed: each type has an exact set of fields, read in their one canonical order, so an
 * unknown, missing, repeated or misplaced field is refused. Errors of this module: PACKAGE_MESSAGE.
 */
import { createHash } from 'node:crypto';
import { type ErrorCode, isErrorCode, SallyportError } from '../errors.ts';
import type { Message, MessageHeader } from '../exchange/message.ts';
import { isId } from '../ids.ts';
import { limits } from '../limits.ts';
import * as cbor from './cbor.ts';
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

/** Digest (hex) of an encoded message. */
export function messageDigest(head: Uint8Array, body: Uint8Array, suite: Suite): string {
  return createHash(suite.hash.name).update(head).update(body).digest('hex');
}

/** Bytes of the two lengths before a header. */
export const lengthsBytes = 12;

const scratch = Buffer.alloc(limits.messageHeaderBytesMax);

/** The lengths and the header of a message whose body follows by itself. */
export function encodeHead(header: MessageHeader, bodyBytes: number): Buffer {
  const out = { bytes: scratch, at: 0 };
  const values: Readonly<Record<string, unknown>> = { ...header };
  const fields = schemaOf(header.type);
  const present = fields.filter(([name, { optional }]) => {
    if (values[name] === undefined && !optional) throw refused(`the field ${name}`);
    return values[name] !== undefined;
  });
  cbor.writeArray(out, 2);
  cbor.writeText(out, header.type);
  cbor.writeMap(out, present.length);
  for (const [name, field] of present) {
    cbor.writeText(out, name);
    field.write(out, values[name]);
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
  let name = left > 0 ? cbor.readText(from) : undefined;
  for (const [wanted, field] of schemaOf(type)) {
    if (name !== wanted) {
      if (!field.optional) throw refused(`the field ${wanted} of ${type} in its place`);
      continue;
    }
    header[wanted] = field.read(from);
    left -= 1;
    name = left > 0 ? cbor.readText(from) : undefined;
  }
  if (left !== 0 || from.at !== bytes.length) throw refused(`no other field of ${type}`);
  // The schema table is typed against MessageHeader, so a header read by it has that type.
  return header as unknown as MessageHeader;
}

/** How one field is written and read, each checking it. */
interface Field<T> {
  readonly optional?: true;
  write(out: cbor.Cursor, value: T): void;
  read(from: cbor.Cursor): T;
}

type Fields<H> = { readonly [K in Exclude<keyof H, 'type'>]-?: Field<Exclude<H[K], undefined>> };
type Schemas = {
  readonly [T in MessageHeader['type']]: Fields<Extract<MessageHeader, { type: T }>>;
};

const text: Field<string> = { write: cbor.writeText, read: cbor.readText };
const uint: Field<number> = { write: cbor.writeUint, read: cbor.readUint };
const id = hexField(16, isId);
const digest = hexField(32, (value) => value.length === 64);
const optional = <T>(field: Field<T>): Field<T> => ({ ...field, optional: true });
const common = { id, traceparent: optional(text) };

const schemas: Schemas = {
  request: {
    ...common,
    flow: text,
    consumer: text,
    deadlineMs: uint,
    method: text,
    path: text,
    query: list<readonly [string, string]>({ write: writePair, read: readPair }),
    headers: record(text),
    contentType: optional(text),
  },
  response: {
    ...common,
    correlationId: id,
    status: checked(uint, (value) => value >= 100 && value <= 599),
    headers: record(text),
    contentType: optional(text),
    error: optional(checked(text as Field<ErrorCode>, isErrorCode)),
    requestDigest: digest,
    masked: optional(record(uint)),
    steps: optional(record({ write: writeMicroseconds, read: readMicroseconds })),
  },
  receipt: {
    ...common,
    lane: text,
    contiguous: uint,
    beyond: checked(list(uint), isAscending),
    missing: checked(list(uint), isAscending),
  },
  heartbeat: { ...common, lane: text, head: uint },
  policy: { ...common, version: uint },
  control: {
    ...common,
    action: checked(text as Field<'policy-wanted'>, (value) => value === 'policy-wanted'),
    version: uint,
  },
};

/** Fields by type in canonical order. */
const ordered = new Map(
  Object.entries(schemas).map(([type, fields]) => [
    type,
    // Values are checked by their own field; the table above ties field and type together.
    (Object.entries(fields) as [string, Field<unknown>][]).sort(([a], [b]) =>
      cbor.compareKeys(a, b),
    ),
  ]),
);

function schemaOf(type: string): readonly [string, Field<unknown>][] {
  const fields = ordered.get(type);
  if (!fields) throw refused('a known message type');
  return fields;
}

function checked<T>(field: Field<T>, holds: (value: T) => boolean): Field<T> {
  const check = (value: T): T => {
    if (!holds(value)) throw refused('a value in the range of its field');
    return value;
  };
  return {
    write: (out, value) => field.write(out, check(value)),
    read: (from) => check(field.read(from)),
  };
}

/** Hex in memory, bytes on the wire. */
function hexField(length: number, holds: (value: string) => boolean): Field<string> {
  return checked(
    {
      write(out, value) {
        if (!/^[0-9a-f]*$/.test(value)) throw refused('lower-case hex digits');
        cbor.writeBytes(out, Buffer.from(value, 'hex'));
      },
      read: (from) => cbor.readBytes(from).toString('hex'),
    },
    (value) => value.length === 2 * length && holds(value),
  );
}

function list<T>(item: Field<T>): Field<readonly T[]> {
  return {
    write(out, values) {
      cbor.writeArray(out, values.length);
      for (const value of values) item.write(out, value);
    },
    read: (from) => Array.from({ length: cbor.readArray(from) }, () => item.read(from)),
  };
}

function record<T>(item: Field<T>): Field<Readonly<Record<string, T>>> {
  return {
    write(out, values) {
      const names = Object.keys(values).sort(cbor.compareKeys);
      cbor.writeMap(out, names.length);
      for (const name of names) {
        cbor.writeText(out, name);
        item.write(out, values[name] as T);
      }
    },
    read(from) {
      const entries: [string, T][] = [];
      let previous: string | undefined;
      for (let left = cbor.readMap(from); left > 0; left -= 1) {
        const name = cbor.readText(from);
        if (previous !== undefined && cbor.compareKeys(previous, name) >= 0) {
          throw refused('names in canonical order, each once');
        }
        entries.push([name, item.read(from)]);
        previous = name;
      }
      // Own properties whatever the name: `__proto__` is a name like any other here.
      return Object.fromEntries(entries);
    },
  };
}

function writePair(out: cbor.Cursor, [name, value]: readonly [string, string]): void {
  cbor.writeArray(out, 2);
  cbor.writeText(out, name);
  cbor.writeText(out, value);
}

function readPair(from: cbor.Cursor): [string, string] {
  if (cbor.readArray(from) !== 2) throw refused('a pair');
  return [cbor.readText(from), cbor.readText(from)];
}

/** Milliseconds in memory, whole microseconds on the wire: no floating point crosses. */
function writeMicroseconds(out: cbor.Cursor, valueMs: number): void {
  cbor.writeUint(out, Math.round(valueMs * 1000));
}

function readMicroseconds(from: cbor.Cursor): number {
  return cbor.readUint(from) / 1000;
}

function isAscending(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? 0));
}

function refused(expected: string): SallyportError {
  return new SallyportError('PACKAGE_MESSAGE', `expected ${expected}`);
}
