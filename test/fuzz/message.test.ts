/** What is inside a package once it is authentic: headers and frames that the peer's guard wrote. */
import assert from 'node:assert/strict';
import * as cbor from '@sallyport/shared/package/cbor.ts';
import { createFrameReader } from '@sallyport/shared/package/frame.ts';
import { decodeHeader, encodeHead, lengthsBytes } from '@sallyport/shared/package/message.ts';
import { suites } from '@sallyport/shared/package/suites.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes, mutateTree } from './mutate.ts';

const id = '0192a1b2c3d47a0e8f10213243546576';
const digest = 'ab'.repeat(32);

/** By type the fields as they lie on the wire; texts of hex digits are bytes there. */
const headers: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  [
    'request',
    {
      ...{ id, traceparent: `00-${'1'.repeat(31)}2-${'3'.repeat(16)}-01`, method: 'GET' },
      ...{ flow: 'citizens/read', consumer: 'portal', deadlineMs: 1_767_323_050_000 },
      ...{ path: '/citizens/42', query: [['fields', 'name']], contentType: 'application/json' },
      headers: { accept: 'application/json', __proto__x: 'y' },
    },
  ],
  [
    'response',
    {
      ...{ id, correlationId: id, status: 200, headers: { etag: 'x' }, error: 'DEADLINE_PASSED' },
      ...{ requestDigest: digest, masked: { '$.name': 3 }, steps: { open: 1500, call: 70_000 } },
    },
  ],
  ['receipt', { id, lane: 'a/b/import/bulk', contiguous: 7, beyond: [9, 12], missing: [8] }],
  ['heartbeat', { id, lane: 'a/b/import/bulk', head: 300 }],
  ['policy', { id, version: 3 }],
  ['control', { id, action: 'policy-wanted', version: 0 }],
];

/** Any tree as deterministic CBOR, whether the schema knows it or not. */
function encodeTree(tree: unknown): Buffer {
  const out = { bytes: Buffer.alloc(65_536), at: 0 };
  write(out, tree);
  return out.bytes.subarray(0, out.at);
}

function write(out: cbor.Cursor, value: unknown): void {
  if (typeof value === 'number') cbor.writeUint(out, Math.abs(Math.trunc(value)));
  else if (typeof value === 'string' && /^([0-9a-f]{32}){1,2}$/.test(value)) {
    cbor.writeBytes(out, Buffer.from(value, 'hex'));
  } else if (typeof value === 'string') cbor.writeText(out, value);
  else if (Array.isArray(value)) {
    cbor.writeArray(out, value.length);
    for (const item of value) write(out, item);
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => cbor.compareKeys(a, b));
    cbor.writeMap(out, entries.length);
    for (const [name, member] of entries) {
      cbor.writeText(out, name);
      write(out, member);
    }
  } else cbor.writeUint(out, 0);
}

/** One meaning, one form: what is read is written the same. */
function readHeader(bytes: Buffer): void {
  const header = decodeHeader(bytes);
  assert.deepEqual(encodeHead(header, 0).subarray(lengthsBytes), bytes);
}

const encoded = headers.map(encodeTree);

fuzz('message header bytes', {
  codes: ['PACKAGE_MESSAGE'],
  attempt: (random) => readHeader(mutateBytes(random, encoded)),
});

fuzz('message header fields', {
  codes: ['PACKAGE_MESSAGE'],
  attempt: (random) => readHeader(encodeTree(mutateTree(random, random.pick(headers)))),
});

const frames = encoded.map((header, index) => {
  const lengths = Buffer.alloc(lengthsBytes);
  lengths.writeUInt32BE(header.length, 0);
  lengths.writeBigUInt64BE(BigInt(index * 50), 4);
  return Buffer.concat([Buffer.alloc(16, index), lengths, header, Buffer.alloc(index * 50, 0x61)]);
});
const content = Buffer.concat(frames);

fuzz('frames', {
  codes: ['PACKAGE_MESSAGE'],
  attempt: (random) => {
    const plain = mutateBytes(random, [...frames, content]);
    const messageCount = 1 + random.below(7);
    const expected = { contentBytes: plain.length, messageCount, messageRoot: digest };
    const reader = createFrameReader(expected, suites['intl-1']);
    let bodyBytes = 0;
    for (let at = 0; at < plain.length; ) {
      const end = at + 1 + random.below(random.pick([8, 300]));
      for (const part of reader.push(plain.subarray(at, end))) {
        if (part.part === 'body') bodyBytes += part.bytes.length;
      }
      at = end;
    }
    assert.ok(bodyBytes <= plain.length);
    reader.finish();
  },
});
