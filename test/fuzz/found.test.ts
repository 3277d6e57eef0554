/** What fuzzing found, each by itself: every one of these was another error than the codes allow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockAfter, noHash } from '@sallyport/shared/audit/chain.ts';
import { readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import { createAuditVerifier } from '@sallyport/shared/audit/verify.ts';
import { readSchema } from '@sallyport/shared/content/schema.ts';
import { inspectPackage } from '@sallyport/shared/package/inspect.ts';
import { decodeHeader, encodeHead, lengthsBytes } from '@sallyport/shared/package/message.ts';
import { bytesSource } from '@sallyport/shared/package/source.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { policyFromOpenApi } from '@sallyport/shared/policy/openapi.ts';
import { readDocument } from '@sallyport/shared/policy/source.ts';
import { policyOf } from '../policy/fixture.ts';
import { fuzz } from './campaign.ts';
import { pack, unpack, vectors } from './parcel.ts';

const odd = { toString: 1, valueOf: 1 };

test('blocks over IPC whose columns are of another type are refused', () => {
  for (const row of [
    null,
    1,
    {},
    { sequence: 1, atMs: 1, previous: noHash, hash: odd, count: odd },
  ]) {
    assert.throws(() => readAuditBlocks({ head: [row], body: Buffer.alloc(0) }), {
      code: 'IPC_FRAME',
    });
  }
});

test('a block whose events are no bytes is a fault of the chain', () => {
  const block = blockAfter({ sequence: 0, hash: noHash }, 1, ['{"event":"seal","atMs":1}']);
  const verifier = createAuditVerifier({});
  assert.equal(verifier.add({ ...block, events: -1 as unknown as Uint8Array }), false);
  assert.equal(verifier.verdict().firstFault?.what, 'the events are not bytes');
});

test('a checkpoint that names no number is a fault of the chain', () => {
  const line = JSON.stringify({ event: 'checkpoint', sequence: odd });
  const verifier = createAuditVerifier({});
  assert.equal(verifier.add(blockAfter({ sequence: 0, hash: noHash }, 1, [line])), false);
  assert.equal(verifier.verdict().firstFault?.what, 'a checkpoint names no block');
});

test('names of Object.prototype are no keywords of a schema', () => {
  for (const keyword of ['toString', 'constructor', 'valueOf', 'hasOwnProperty']) {
    const { schema, faults } = readSchema({ type: 'string', [keyword]: 1 });
    assert.equal(faults.length, 1, keyword);
    assert.match(faults[0]?.message ?? '', /expected a keyword of the profile/);
    assert.equal(schema, undefined);
  }
});

test('members and items beside another type are a fault: nothing would read them', () => {
  for (const [keyword, value] of Object.entries({
    properties: { a: { type: 'string' } },
    required: [],
    additionalProperties: false,
    items: [{ type: 'string' }],
  })) {
    const { schema, faults } = readSchema({ type: 'string', [keyword]: value });
    const beside = keyword === 'items' ? 'array' : 'object';
    const message = `expected type ${beside} beside "${keyword}"`;
    assert.deepEqual(faults, [{ path: [keyword], message }]);
    assert.equal(schema, undefined);
  }
});

test('an OpenAPI document whose version is no text is refused', () => {
  const document = JSON.stringify({ openapi: odd, paths: {} });
  const service = { service: 'people', upstream: 'http://127.0.0.1:9100' };
  assert.throws(() => policyFromOpenApi(document, service), { code: 'POLICY_INVALID' });
});

test('a signed policy whose path is no path is an invalid policy', () => {
  const text = JSON.stringify(policyOf()).replace('/citizens/{id}', '/citizens/{id}#');
  assert.throws(() => compilePolicy(JSON.parse(text)), { code: 'POLICY_INVALID' });
});

test('a package whose certificate has dates that are none is not shown', async () => {
  const parcel = unpack(vectors('ok-body-1')[0] ?? Buffer.alloc(0));
  const manifestFile = Buffer.from(parcel.manifestFile);
  const dates = [...manifestFile.toString('latin1').matchAll(/\d{12}Z/g)];
  assert.ok(dates.length >= 2);
  manifestFile.write('99', (dates[0]?.index ?? 0) + 2);
  await assert.rejects(inspectPackage(bytesSource(pack({ ...parcel, manifestFile }))), {
    code: 'PACKAGE_SIGNATURE',
  });
});

test('a duration beyond exact microseconds is refused: it has no one form', () => {
  const id = '0192a1b2c3d47a0e8f10213243546576';
  const answer = { type: 'response', id, correlationId: id, status: 200, headers: {} } as const;
  const steps = { open: 1.5 };
  const head = encodeHead({ ...answer, requestDigest: 'ab'.repeat(32), steps }, 0);
  const header = head.subarray(lengthsBytes);
  const at = header.indexOf('open') + 4;
  assert.equal(header.readUInt16BE(at + 1), 1500);
  const value = Buffer.alloc(9, 0x1b);
  value.writeBigUInt64BE(BigInt(Number.MAX_SAFE_INTEGER), 1);
  const large = Buffer.concat([header.subarray(0, at), value, header.subarray(at + 3)]);
  assert.throws(() => decodeHeader(large), { code: 'PACKAGE_MESSAGE' });
});

/** A case that takes too long ends the run: comparing each key with all others took half a minute. */
fuzz('one mapping of very many keys', {
  oneIn: Number.POSITIVE_INFINITY,
  codes: [],
  attempt: () => {
    const lines = Array.from({ length: 60_000 }, (_, index) => `k${index}: 1`);
    assert.deepEqual(readDocument('policy.yaml', lines.join('\n')).faults, []);
  },
});

test('a key that comes twice is a fault at its place', () => {
  const twice = readDocument('policy.yaml', 'a: 1\nb: { c: 1, "c": 2 }\na: 3\n');
  assert.equal(twice.value, undefined);
  assert.deepEqual(twice.faults.map(({ line, message }) => `${line} ${message}`).sort(), [
    '2 expected YAML, got a fault: Map keys must be unique',
    '3 expected YAML, got a fault: Map keys must be unique',
  ]);
});
