/**
 * Verify before parse, for what is signed and no package: policy bundles and trust files. The engine itself
 * counts which functions were entered, so a parser that somebody adds is counted too. Packages:
 * test/fuzz/order.test.ts.
 */
import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { after, before, test } from 'node:test';
import { readSigned, signData } from '@sallyport/shared/package/cms-signed.ts';
import { readTrustFile } from '@sallyport/shared/pairing/trust-file.ts';
import { encodeBundle } from '@sallyport/shared/policy/bundle.ts';
import { readBundle } from '@sallyport/shared/processes/guard/policy.ts';
import { createRandom, mutateBytes, type Random } from '../fuzz/mutate.ts';
import { sample, samplesAtMs } from '../fuzz/samples.ts';
import { sender, stranger } from '../package/parties.ts';

const runs = Number(process.env.SALLYPORT_ATTACK_RUNS ?? 3) * 100;
const session = new Session();

before(async () => {
  session.connect();
  await session.post('Profiler.enable');
});
after(() => session.disconnect());

/** Functions of the product that `work` entered, as `file function`. */
async function entered(work: () => void): Promise<string[]> {
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  work();
  const { result } = await session.post('Profiler.takePreciseCoverage');
  await session.post('Profiler.stopPreciseCoverage');
  return result.flatMap(({ url, functions }) => {
    const file = url.split('/shared/')[1];
    if (file === undefined) return [];
    return functions
      .filter(({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName }) => `${file} ${functionName}`);
  });
}

/** All that may look at bytes whose signature has not held: sizes, the one DER form, digests. */
const mayLook = [
  'errors.ts ',
  'package/der.ts ',
  'package/certificate.ts ',
  'package/cms-signed.ts ',
  'package/suites.ts ',
  'package/merkle.ts digestOf',
  'processes/guard/policy.ts readBundle',
  'pairing/trust-file.ts readTrustFile',
  'pairing/trust-file.ts requireSound',
  'pairing/trust-file.ts invalid',
];
const parsers = (names: readonly string[]): string[] =>
  names.filter((name) => !mayLook.some((known) => name.startsWith(known)));

const issuer = { nodeId: 'outer-1', signCertificate: sender.certificate };
const policy = {
  services: [],
  consumers: [],
  grants: [],
  credentials: { hashKey: '', keys: [] },
};
const content = encodeBundle({ policy, version: 1, issuer: 'outer-1', issuedAtMs: 1 } as never);
const bundle = await signData(content, sender);
const trustFile = sample('peer.trust');

const signedThings: [string, Buffer, (file: Buffer) => unknown, string][] = [
  ['policy bundle', bundle, (file) => readBundle(file, issuer), 'POLICY_SIGNATURE'],
  ['trust file', trustFile, (file) => readTrustFile(file, samplesAtMs), 'TRUST_FILE_INVALID'],
];

for (const [what, good, read, code] of signedThings) {
  test(`a sound ${what} enters its parsers, so that their silence means something`, async () => {
    const names = parsers(await entered(() => read(good)));
    assert.ok(
      names.some((name) => /decode/.test(name)),
      names.join(', '),
    );
  });

  test(`a ${what} that is not as it was signed enters no parser`, async () => {
    const names = await entered(() => {
      for (let seed = 0; seed < runs; seed += 1) {
        const changed = tampered(createRandom(seed, what), good);
        // The certificate beside the content is no part of what is signed; the content is.
        if (!sameContent(changed, good)) assert.throws(() => read(changed), { code });
      }
    });
    assert.deepEqual(parsers(names), []);
  });
}

test('a policy bundle that somebody else signed enters no parser', async () => {
  const foreign = await signData(content, stranger);
  const names = await entered(() =>
    assert.throws(() => readBundle(foreign, issuer), { code: 'POLICY_SIGNATURE' }),
  );
  assert.deepEqual(parsers(names), []);
});

function sameContent(changed: Buffer, good: Buffer): boolean {
  try {
    return readSigned(changed).content.equals(readSigned(good).content);
  } catch {
    return false;
  }
}

/** Anywhere, or only in what is signed: there the form stays good. */
function tampered(random: Random, good: Buffer): Buffer {
  if (random.below(2) === 0) return mutateBytes(random, [good]);
  const copy = Buffer.from(good);
  const at = 60 + random.below(Math.max(1, copy.length - 120));
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
  return copy;
}
