import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { register } from '@sallyport/cli/package.ts';
import {
  acceptIssuedBy,
  inspectPackage,
  verifyPackage,
} from '@sallyport/shared/package/inspect.ts';
import { bytesSource } from '@sallyport/shared/package/source.ts';
import { Command } from 'commander';
import { temporaryFolder } from '../temporary-folder.ts';
import { party, receiver, requestMessage, seal, sender, stranger, vectorsDir } from './parties.ts';

const dir = temporaryFolder();
const sealed = await seal([requestMessage(1500), requestMessage(1)], { segmentBytes: 1024 });
const file = join(dir, 'package.stp');
writeFileSync(file, sealed.bytes);
const ca = join(vectorsDir, 'parties', 'ca.pem');
const anchors = [new X509Certificate(party('ca').certificatePem)];
const accept = (certificate: Buffer): string => acceptIssuedBy(anchors, certificate);

const flip = (at: number): Buffer => {
  const copy = Buffer.from(sealed.bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

test('an inspection shows manifest, signer, recipient and entries', async () => {
  const seen = await inspectPackage(bytesSource(sealed.bytes));
  assert.equal(seen.digest, sealed.digest);
  assert.deepEqual(seen.manifest, sealed.manifest);
  assert.equal(seen.signer.subject, 'CN=outer-1 sign');
  const { serialNumber } = new X509Certificate(receiver.certificatePem);
  assert.equal(seen.recipients[0]?.serialNumber.toUpperCase(), serialNumber);
  const names = seen.entries.map(({ name }) => name);
  assert.deepEqual(names.slice(0, 3), ['manifest.p7m', 'keys.p7m', 'seg/00000000.p7m']);
  const total = seen.entries.reduce(
    (sum, { bytes }) => sum + 512 + Math.ceil(bytes / 512) * 512,
    0,
  );
  assert.equal(total + 1024, seen.bytes);
});

test('a package verifies without any key against the CA of its sender', async () => {
  await verifyPackage(bytesSource(sealed.bytes), accept);
});

test('verification without a key finds a changed bit in manifest, keys and segments', async () => {
  const places = [
    ['"contentBytes', 5, 'PACKAGE_SIGNATURE'],
    ['keys.p7m', 512 + 100, 'PACKAGE_KEYS'],
    ['seg/00000001.p7m', 512 + 300, 'PACKAGE_SEGMENTS'],
  ] as const;
  for (const [mark, after, code] of places) {
    const changed = flip(sealed.bytes.indexOf(mark) + after);
    await assert.rejects(verifyPackage(bytesSource(changed), accept), { code });
  }
});

test('only the signing certificate of a node under the given CA is accepted', async () => {
  assert.equal(acceptIssuedBy(anchors, sender.certificate), 'outer-1');
  const refused = { code: 'CERTIFICATE_REFUSED' };
  assert.throws(() => acceptIssuedBy(anchors, receiver.certificate), refused);
  const other = [new X509Certificate(stranger.certificatePem)];
  assert.throws(() => acceptIssuedBy(other, sender.certificate), refused);
  assert.throws(() => acceptIssuedBy([], sender.certificate), refused);
  const longer = Buffer.concat([sender.certificate, Buffer.alloc(1)]);
  assert.throws(() => acceptIssuedBy(anchors, longer), { code: 'PACKAGE_SIGNATURE' });
});

test('a node of the same CA does not pass as another', async () => {
  const forged = await seal([requestMessage(1)], { sender: stranger });
  const verifying = verifyPackage(bytesSource(forged.bytes), accept);
  await assert.rejects(verifying, { code: 'PACKAGE_SENDER' });
});

/** Runs `sallyport package …` in this process; returns what it printed. */
async function cli(t: TestContext, ...args: string[]): Promise<{ out: string; talk: string }> {
  const out = t.mock.method(process.stdout, 'write', () => true);
  const talk = t.mock.method(process.stderr, 'write', () => true);
  const program = new Command('sallyport').exitOverride();
  register(program);
  try {
    await program.parseAsync(['package', ...args], { from: 'user' });
    const text = (mock: typeof out) => mock.mock.calls.map((call) => call.arguments[0]).join('');
    return { out: text(out), talk: text(talk) };
  } finally {
    out.mock.restore();
    talk.mock.restore();
  }
}

test('`package inspect` says that nothing was verified', async (t) => {
  const { out, talk } = await cli(t, 'inspect', file);
  assert.match(out, /outer-1\/inner-1\/import\/interactive/);
  assert.match(talk, /nothing of this was verified/);
  const json = JSON.parse((await cli(t, 'inspect', file, '--json')).out);
  assert.equal(json.verified, false);
  assert.equal(json.manifest.messageCount, 2);
});

test('`package verify` says what was verified and what was not', async (t) => {
  const { out, talk } = await cli(t, 'verify', file, '--ca', ca);
  assert.match(out, new RegExp(sealed.digest));
  assert.match(talk, /not verified: receiver/);
  const json = JSON.parse((await cli(t, 'verify', file, '--ca', ca, '--json')).out);
  assert.equal(json.verified, true);
});

test('`package verify` refuses a changed package, and asks whom to believe', async (t) => {
  const changed = join(dir, 'changed.stp');
  writeFileSync(changed, flip(sealed.bytes.length - 2000));
  await assert.rejects(cli(t, 'verify', changed, '--ca', ca), { code: 'PACKAGE_SEGMENTS' });
  await assert.rejects(cli(t, 'verify', file), { code: 'USAGE' });
  await assert.rejects(cli(t, 'verify', file, '--ca', ca, '--home', dir), { code: 'USAGE' });
  await assert.rejects(cli(t, 'verify', file, '--ca', file), { code: 'USAGE' });
  await assert.rejects(cli(t, 'verify', join(dir, 'none'), '--ca', ca), { code: 'USAGE' });
  await assert.rejects(cli(t, 'verify', file, '--home', dir), { code: 'HOME_MISSING' });
});
