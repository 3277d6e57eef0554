/** Verification finds each change that docs/spec/audit.md says it finds. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { blockAfter, blockHash, checkpointMessage, noHash } from '@sallyport/shared/audit/chain.ts';
import { auditEvents } from '@sallyport/shared/audit/events.ts';
import { answerAuditBlocks, readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { AuditBlock, AuditHead } from '@sallyport/shared/store/port.ts';
import fc from 'fast-check';
import { selfSigned } from '../x509/self-signed.ts';
import { verifyAudit } from './verdict.ts';

const line = (atMs: number): string => JSON.stringify({ event: 'seal', atMs });
const start: AuditHead = { sequence: 0, hash: noHash };
const audit = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const auditCertificate = selfSigned(audit.privateKey, 'audit');

function checkpointLine(head: AuditHead, key = audit.privateKey): string {
  const message = checkpointMessage(head, 7);
  const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }).toString('base64');
  const { sequence, hash } = head;
  return JSON.stringify({ event: 'checkpoint', atMs: 7, sequence, hash, signature });
}

/** Six blocks of two events; the fifth holds a checkpoint over the fourth. */
function chain(): AuditBlock[] {
  const blocks: AuditBlock[] = [];
  let head = start;
  for (let n = 1; n <= 6; n += 1) {
    const second = n === 5 ? checkpointLine(head) : line(n * 10 + 1);
    const block = blockAfter(head, n, [line(n * 10), second]);
    blocks.push(block);
    head = block;
  }
  return blocks;
}

const edit = (block: AuditBlock, from: string, to: string): AuditBlock => ({
  ...block,
  events: Buffer.from(Buffer.from(block.events).toString().replace(from, to)),
});

/** As somebody would who can write the store but not sign: every hash from `at` on is made to fit. */
function rechain(blocks: AuditBlock[], at: number): AuditBlock[] {
  let previous = blocks[at - 2]?.hash ?? noHash;
  return blocks.map((block, index) => {
    if (index < at - 1) return block;
    const linked = { ...block, sequence: index + 1, previous };
    previous = blockHash(linked);
    return { ...linked, hash: previous };
  });
}

const faultOf = (blocks: AuditBlock[]) => verifyAudit(blocks, { auditCertificate }).firstFault;

test('an intact chain verifies, and says how far signatures reach', () => {
  const verdict = verifyAudit(chain(), { auditCertificate });
  const counted = { blocks: 6, events: 12, checkpoints: 1 };
  assert.deepEqual(verdict, { ok: true, ...counted, signedThrough: 4 });
  assert.deepEqual(verifyAudit(chain()), { ok: true, ...counted, signedThrough: 0 });
  const none = { blocks: 0, events: 0, checkpoints: 0, signedThrough: 0 };
  assert.deepEqual(verifyAudit([]), { ok: true, ...none });
});

test('the hash is the one of the specification', () => {
  const events = Buffer.from(`${line(1)}\n`);
  const block = { sequence: 1, atMs: 2, previous: noHash, events };
  assert.equal(
    blockHash(block),
    '0ce309833b3ab12fb0be3903d3db81246081f566f6a719140d84aa8e7d115b0e',
  );
});

test('a flipped bit anywhere in a block is found in that block', () => {
  const property = fc.property(fc.nat(5), fc.nat(), fc.nat(7), (index, offset, bit) => {
    const blocks = chain();
    const block = blocks[index] as AuditBlock;
    const events = Buffer.from(block.events);
    const at = offset % events.length;
    events.writeUInt8(events.readUInt8(at) ^ (1 << bit), at);
    blocks[index] = { ...block, events };
    assert.equal(faultOf(blocks)?.sequence, index + 1);
  });
  fc.assert(property, { seed: 1, numRuns: 200 });
});

test('an edited time, hash or count is found', () => {
  const changes: ((block: AuditBlock) => Partial<AuditBlock>)[] = [
    ({ atMs }) => ({ atMs: atMs + 1 }),
    () => ({ atMs: -1 }),
    () => ({ atMs: 1.5 }),
    () => ({ hash: 'a'.repeat(64) }),
    () => ({ previous: 'a'.repeat(64) }),
    () => ({ count: 3 }),
  ];
  for (const change of changes) {
    const blocks = chain();
    const third = blocks[2] as AuditBlock;
    blocks[2] = { ...third, ...change(third) };
    assert.equal(faultOf(blocks)?.sequence, 3);
  }
});

test('a removed, moved, doubled or inserted block is found', () => {
  const [a, b, c, d, e, f] = chain() as [
    AuditBlock,
    AuditBlock,
    AuditBlock,
    AuditBlock,
    AuditBlock,
    AuditBlock,
  ];
  const inserted = blockAfter(b, 3, [line(99)]);
  assert.deepEqual(faultOf([b, c, d]), { sequence: 1, what: 'expected block 1, got 2' });
  assert.deepEqual(faultOf([a, b, d, e]), { sequence: 3, what: 'expected block 3, got 4' });
  assert.deepEqual(faultOf([a, c, b]), { sequence: 2, what: 'expected block 2, got 3' });
  assert.deepEqual(faultOf([a, b, b, c]), { sequence: 3, what: 'expected block 3, got 2' });
  const what = 'the block does not continue the one before it';
  assert.deepEqual(faultOf([a, b, inserted, d, e, f]), { sequence: 4, what });
  assert.deepEqual(faultOf([a, b, { ...d, sequence: 3 }, e]), { sequence: 3, what });
});

test('a rewrite with every hash made to fit is found by the next checkpoint', () => {
  const blocks = chain();
  blocks[1] = edit(blocks[1] as AuditBlock, '20', '29');
  const what = 'the checkpoint of block 4 names another';
  assert.deepEqual(faultOf(rechain(blocks, 2)), { sequence: 5, what });
});

test('a block left out before a checkpoint is found though all is renumbered', () => {
  const blocks = chain();
  blocks.splice(1, 1);
  assert.equal(faultOf(rechain(blocks, 2))?.sequence, 4);
});

test('a checkpoint that another key signed is found', () => {
  const [a, b] = chain() as [AuditBlock, AuditBlock];
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const forged = blockAfter(b, 3, [checkpointLine(b, stranger)]);
  const what = 'the signature of a checkpoint is wrong';
  assert.deepEqual(faultOf([a, b, forged]), { sequence: 3, what });
});

test('a checkpoint of no block, or behind the one before, is found', () => {
  const [a, b] = chain() as [AuditBlock, AuditBlock];
  const none = '{"event":"checkpoint","atMs":1,"sequence":9}';
  assert.match(faultOf([a, b, blockAfter(b, 3, [none])])?.what ?? '', /names another/);
  const behind = blockAfter(b, 3, [checkpointLine(b), checkpointLine(a)]);
  assert.match(faultOf([a, b, behind])?.what ?? '', /goes behind/);
});

test('a checkpoint may lag behind its block, but only so far', () => {
  const blocks: AuditBlock[] = [];
  let head = start;
  for (let n = 1; n <= limits.auditCheckpointLagMax; n += 1) {
    const block = blockAfter(head, n, [line(n)]);
    blocks.push(block);
    head = block;
  }
  const first = blocks[0] as AuditBlock;
  const inReach = blockAfter(head, 1, [checkpointLine(first)]);
  assert.equal(faultOf([...blocks, inReach]), undefined);
  const next = blockAfter(head, 1, [line(1)]);
  const tooFar = blockAfter(next, 1, [checkpointLine(first)]);
  assert.equal(faultOf([...blocks, next, tooFar])?.sequence, tooFar.sequence);
});

test('a chain cut at its end still verifies: the first form cannot see it', () => {
  const cut = verifyAudit(chain().slice(0, 4), { auditCertificate });
  assert.equal(cut.ok, true);
  assert.equal(cut.signedThrough, 0);
});

test('lines that are no events are found though their hash fits', () => {
  const wrong: [string, RegExp][] = [
    ['{"event":"nobody","atMs":1}', /not of the log/],
    ['null', /not of the log/],
    ['{', /not of the log/],
    ['{"event":"seal"}\n{"event":"seal"}', /expected 1 event, got 2/],
  ];
  for (const [text, what] of wrong) {
    assert.match(faultOf([blockAfter(start, 1, [text])])?.what ?? '', what);
  }
  const events = Buffer.from(line(1));
  const cut = { sequence: 1, atMs: 1, previous: noHash, count: 1, events };
  assert.equal(faultOf([{ ...cut, hash: blockHash(cut) }])?.what, 'the last event is cut');
});

test('a certificate that is none, or of another kind of key, is refused', () => {
  const other = selfSigned(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey, 'audit');
  for (const wrong of ['no certificate', other]) {
    assert.throws(
      () => verifyAudit(chain(), { auditCertificate: wrong }),
      (error) => (error as { code?: string }).code === 'CERTIFICATE_REFUSED',
    );
  }
});

test('blocks cross a local socket whole, a bounded number at a time', () => {
  const blocks = chain();
  const store = {
    auditBlocks: (from: number, count: number) => blocks.slice(from - 1, from - 1 + count),
  };
  const carried = (head: unknown): AuditBlock[] => {
    const { head: list, body } = answerAuditBlocks(store, head);
    return readAuditBlocks({
      head: JSON.parse(JSON.stringify(list)),
      body: Buffer.from(body ?? []),
    });
  };
  assert.deepEqual(carried({ from: 1, count: 1000 }), blocks);
  assert.deepEqual(carried({ from: 3, count: 2 }), blocks.slice(2, 4));
  assert.deepEqual(carried({ from: 7, count: 2 }), []);
  for (const head of [
    null,
    {},
    { from: 0, count: 1 },
    { from: 1, count: '1' },
    { from: 1.5, count: 1 },
  ]) {
    assert.throws(
      () => answerAuditBlocks(store, head),
      (error) => (error as { code?: string }).code === 'IPC_FRAME',
    );
  }
});

test('an answer over a local socket stays in its size, but carries at least one block', () => {
  const events = Buffer.alloc(limits.auditReplyBytesMax, 'x');
  const [block] = chain() as [AuditBlock];
  const large = {
    auditBlocks: () => [1, 2, 3].map((sequence) => ({ ...block, sequence, events })),
  };
  assert.equal((answerAuditBlocks(large, { from: 1, count: 3 }).head as unknown[]).length, 1);
  const answer = { head: [{ bytes: 5 }], body: Buffer.alloc(4) };
  assert.throws(
    () => readAuditBlocks(answer),
    (error) => (error as { code?: string }).code === 'IPC_FRAME',
  );
});

test('the specification names every event, and no other', () => {
  const spec = readFileSync(join(import.meta.dirname, '../../docs/spec/audit.md'), 'utf8');
  const table = spec.slice(spec.indexOf('| event | meaning |'), spec.indexOf('## Blocks'));
  const named = table
    .split('\n')
    .slice(2)
    .flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]),
    );
  assert.deepEqual(named.sort(), Object.keys(auditEvents).sort());
});
