/**
 * The closed schema of message headers: each type's fields, and how each is written, read and
 * checked. docs/spec/package.md §Messages is the norm. Errors: PACKAGE_MESSAGE.
 */
import { type ErrorCode, isErrorCode, SallyportError } from '../errors.ts';
import type { MessageHeader, RequestHeader } from '../exchange/message.ts';
import { isId } from '../ids.ts';
import { limits } from '../limits.ts';
import * as cbor from './cbor.ts';

/** How one field is written and read, each checking it. */
export interface Field<T> {
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
/** Base64 in memory, bytes on the wire. */
const base64: Field<string> = {
  write: (out, value) => cbor.writeBytes(out, Buffer.from(value, 'base64')),
  read: (from) => cbor.readBytes(from).toString('base64'),
};
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
    credential: optional(text),
    signed: optional({ write: writeSigned, read: readSigned }),
    source: optional(text),
    risk: optional(checked(uint, (value) => value <= 100)),
    token: optional(text),
    certificates: optional(
      checked(list(base64), ({ length }) => length >= 1 && length <= limits.certificateChainMax),
    ),
    shown: optional(record(text)),
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

/** A field in its place: its name, and the name as encoded. */
export interface NamedField extends Field<unknown> {
  readonly name: string;
  readonly key: Buffer;
}

const ordered = new Map(Object.entries(schemas).map(([type, fields]) => [type, inOrder(fields)]));

function inOrder(fields: object): NamedField[] {
  // Values are checked by their own field; the table above ties field and type together.
  const entries = Object.entries(fields) as [string, Field<unknown>][];
  return entries
    .sort(([a], [b]) => cbor.compareKeys(a, b))
    .map(([name, field]) => ({ ...field, name, key: cbor.encodeText(name) }));
}

/** Fields of a type in canonical order. */
export function schemaOf(type: string): readonly NamedField[] {
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

type Signed = NonNullable<RequestHeader['signed']>;

function writeSigned(out: cbor.Cursor, { scheme, target, fields }: Signed): void {
  cbor.writeArray(out, 3);
  cbor.writeText(out, scheme);
  cbor.writeText(out, target);
  record(text).write(out, fields);
}

function readSigned(from: cbor.Cursor): Signed {
  if (cbor.readArray(from) !== 3) throw refused('scheme, target and fields');
  const [scheme, target, fields] = [text.read(from), text.read(from), record(text).read(from)];
  if (scheme !== 'http' && scheme !== 'https') throw refused('http or https as scheme');
  return { scheme, target, fields };
}

/** Milliseconds in memory, whole microseconds on the wire: no floating point crosses. */
function writeMicroseconds(out: cbor.Cursor, valueMs: number): void {
  cbor.writeUint(out, Math.round(valueMs * 1000));
}

function readMicroseconds(from: cbor.Cursor): number {
  const microseconds = cbor.readUint(from);
  const valueMs = microseconds / 1000;
  if (Math.round(valueMs * 1000) !== microseconds)
    throw refused('a duration of exact microseconds');
  return valueMs;
}

function isAscending(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? 0));
}

function refused(expected: string): SallyportError {
  return new SallyportError('PACKAGE_MESSAGE', `expected ${expected}`);
}
