import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MessageProof, proveMessage, verifyProof } from '@sallyport/shared/package/proof.ts';
import { open, requestMessage, seal, sender, stranger } from './parties.ts';

const messages = Array.from({ length: 5 }, (_, index) => requestMessage(index, index));
const { bytes, digest } = await seal(messages);
const opened = await open(bytes);

function proofOf(index: number): MessageProof {
  const message = opened.messages[index];
  assert.ok(message);
  return proveMessage(opened, message, index);
}

test('each message of a package is proved alone', () => {
  for (const [index, message] of messages.entries()) {
    const proved = verifyProof(proofOf(index), sender.certificate);
    assert.equal(proved.digest, message.digest);
    assert.equal(proved.manifest.packageId, opened.manifest.packageId);
    assert.deepEqual(proved.header, opened.messages[index]?.header);
  }
});

test('what the sender keeps proves the same as what the receiver opened', async () => {
  const sealed = await seal(messages);
  const message = messages[2];
  const salt = sealed.salts[2];
  assert.ok(message && salt);
  const proof = proveMessage(sealed, { ...message, salt }, 2);
  assert.equal(verifyProof(proof, sender.certificate).digest, message.digest);
  assert.notEqual(sealed.digest, digest);
});

test('a proof shows nothing of the other messages', () => {
  const { path } = proofOf(0);
  const shown = Buffer.concat(path).toString('hex');
  for (const other of messages) assert.ok(!shown.includes(other.digest));
});

const refusals: [string, (proof: MessageProof) => MessageProof, string][] = [
  ['another body', (proof) => ({ ...proof, body: Buffer.from('other') }), 'PACKAGE_MESSAGE'],
  ['another salt', (proof) => ({ ...proof, salt: Buffer.alloc(16) }), 'PACKAGE_MESSAGE'],
  ['a shorter salt', (proof) => ({ ...proof, salt: proof.salt.subarray(1) }), 'PACKAGE_MESSAGE'],
  ['another place', (proof) => ({ ...proof, index: 2 }), 'PACKAGE_MESSAGE'],
  ['a place outside', (proof) => ({ ...proof, index: 5 }), 'PACKAGE_MESSAGE'],
  ['a shorter path', (proof) => ({ ...proof, path: proof.path.slice(1) }), 'PACKAGE_MESSAGE'],
  ['no manifest', (proof) => ({ ...proof, manifestFile: Buffer.alloc(0) }), 'PACKAGE_SIGNATURE'],
];
for (const [name, change, code] of refusals) {
  test(`a proof with ${name} is refused`, () => {
    assert.throws(() => verifyProof(change(proofOf(1)), sender.certificate), { code });
  });
}

test('a proof with the manifest of another package is refused', async () => {
  const { manifestFile } = await seal(messages);
  const proof = { ...proofOf(1), manifestFile };
  assert.throws(() => verifyProof(proof, sender.certificate), { code: 'PACKAGE_MESSAGE' });
});

test('a proof is worth nothing against another certificate', () => {
  assert.throws(() => verifyProof(proofOf(1), stranger.certificate), { code: 'PACKAGE_SENDER' });
});
