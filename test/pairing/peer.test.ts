import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { before, beforeEach, test } from 'node:test';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { fingerprintWords } from '@sallyport/shared/pairing/fingerprint.ts';
import {
  checkConfirmation,
  judgeCandidate,
  ownFingerprint,
  readPeer,
  storePeer,
} from '@sallyport/shared/pairing/peer.ts';
import { readTrustFile, writeTrustFile } from '@sallyport/shared/pairing/trust-file.ts';
import { makeNode, type TestNode } from './homes.ts';

let outer: TestNode;
let inner: TestNode;
let again: TestNode;

before(async () => {
  [outer, inner, again] = await Promise.all([
    makeNode('outer', 'outer-1'),
    makeNode('inner', 'inner-1'),
    makeNode('inner', 'inner-1'),
  ]);
});
beforeEach(() => rmSync(outer.home.paths.peer, { force: true }));

const fileOf = (node: TestNode, change = {}): Promise<Buffer> =>
  writeTrustFile({ ...node.trust, ...change }, node.signCa);
const judge = (file: Buffer, replace = false) =>
  judgeCandidate(outer.home.paths, outer.home.config, file, replace);
const peerOfOuter = () => readPeer(outer.home.paths, outer.home.config);
const refusal =
  (code: ErrorCode) =>
  (e: unknown): boolean =>
    e instanceof SallyportError && e.code === code && e.hint !== undefined;

test('a node without a peer says so', () => {
  assert.throws(peerOfOuter, refusal('PEER_MISSING'));
});

test('a confirmed trust file makes its node the peer, readable by the owner only', async () => {
  const file = await fileOf(inner);
  const { trust, known } = judge(file);
  assert.equal(known, false);
  checkConfirmation(trust, fingerprintWords(ownFingerprint(inner.home.paths)).english.join(' '));
  storePeer(outer.home.paths, file);
  const peer = peerOfOuter();
  assert.equal(peer.nodeId, 'inner-1');
  assert.equal(peer.fingerprint, ownFingerprint(inner.home.paths));
  assert.deepEqual(peer.signDer, inner.trust.certificates.sign);
  assert.equal(statSync(outer.home.paths.peer).mode & 0o777, 0o600);
});

test('a fingerprint of another node confirms nothing', async () => {
  const { trust } = judge(await fileOf(inner));
  const foreign = ownFingerprint(again.home.paths);
  assert.throws(() => checkConfirmation(trust, foreign), refusal('PEER_WRONG'));
  assert.throws(() => checkConfirmation(trust, 'yes'), refusal('PEER_UNCONFIRMED'));
});

test('a node is not paired with itself, with its own kind or with its own name', async () => {
  assert.throws(await later(fileOf(outer)), refusal('PEER_WRONG'));
  const sameKind = await makeNode('outer', 'outer-2');
  assert.throws(await later(fileOf(sameKind)), refusal('PEER_WRONG'));
  const sameName = await makeNode('inner', 'outer-1');
  assert.throws(await later(fileOf(sameName)), refusal('PEER_WRONG'));
});

test('the same peer again needs no question; another one needs to be asked for', async () => {
  storePeer(outer.home.paths, await fileOf(inner));
  assert.equal(judge(await fileOf(inner, { createdAtMs: 1 })).known, true);
  assert.throws(await later(fileOf(again)), refusal('PEER_CHANGED'));
  const replaced = judge(await fileOf(again), true);
  assert.equal(replaced.known, false, 'it still has to be confirmed');
  assert.equal(peerOfOuter().fingerprint, ownFingerprint(inner.home.paths), 'nothing changed yet');
});

test('a peer file changed on disk is refused at the next start, and not replaced silently', async () => {
  storePeer(outer.home.paths, await fileOf(inner));
  const bytes = readFileSync(outer.home.paths.peer);
  bytes.writeUInt8(bytes.readUInt8(700) ^ 1, 700);
  writeFileSync(outer.home.paths.peer, bytes);
  assert.throws(peerOfOuter, refusal('TRUST_FILE_INVALID'));
  assert.throws(await later(fileOf(inner)), refusal('PEER_CHANGED'));
});

test('a peer file of a node that cannot be a partner is refused at the next start', async () => {
  storePeer(outer.home.paths, await fileOf(outer));
  assert.throws(peerOfOuter, refusal('PEER_WRONG'));
});

test('storing a peer replaces the file whole', async () => {
  storePeer(outer.home.paths, await fileOf(inner));
  storePeer(outer.home.paths, await fileOf(again));
  const { fingerprint } = readTrustFile(readFileSync(outer.home.paths.peer), Date.now());
  assert.equal(fingerprint, ownFingerprint(again.home.paths));
});

async function later(file: Promise<Buffer>): Promise<() => unknown> {
  const bytes = await file;
  return () => judge(bytes);
}
