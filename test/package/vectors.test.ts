/**
 * Every file of test/vectors/package: one scenario each. docs/spec/package.md §Vectors tells the
 * format.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createReceivingLane, type LanePlace } from '@sallyport/shared/exchange/lane.ts';
import { readCertificate } from '@sallyport/shared/package/certificate.ts';
import { openKey } from '@sallyport/shared/package/cms-enveloped.ts';
import { bytesSource } from '@sallyport/shared/package/source.ts';
import { suites } from '@sallyport/shared/package/suites.ts';
import { verifyManifest, verifyParts } from '@sallyport/shared/package/verify.ts';
import { open, openOptions, receiver, vectorsDir } from './parties.ts';

const names = readdirSync(vectorsDir).filter((name) => name.endsWith('.vector'));

function readVector(name: string): { headers: Map<string, string>; bytes: Buffer } {
  const file = readFileSync(join(vectorsDir, name));
  const end = file.indexOf('\n\n');
  const lines = file.toString('utf8', 0, end).split('\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)] as const;
  });
  return { headers: new Map(headers), bytes: file.subarray(end + 2) };
}

/** A lane on which the packages of the vector's `received` line were accepted. */
function laneOf(received: string | undefined) {
  const [sequence = '0', digest = '', previous = ''] = received?.split(' ') ?? [];
  const contiguous = Number(sequence);
  return createReceivingLane({ contiguous, beyond: [] }, (wanted) =>
    wanted === contiguous && contiguous > 0 ? { digest, previous } : undefined,
  );
}

for (const name of names) {
  const { headers, bytes } = readVector(name);
  const expect = headers.get('expect') ?? '';
  test(`${name}: ${headers.get('comment')}: ${expect}`, async () => {
    const lane = laneOf(headers.get('received'));
    const opening = open(bytes, {
      nowMs: Number(headers.get('now-ms')),
      check: (place: LanePlace) => lane.judge(place),
    });
    if (expect !== 'ok') {
      await assert.rejects(opening, { name: 'SallyportError', code: expect });
      return;
    }
    const { messages } = await opening;
    const digests = messages.map(({ digest }) => Buffer.from(digest, 'hex'));
    const digest = createHash('sha256').update(Buffer.concat(digests)).digest('hex');
    assert.equal(`${messages.length} ${digest}`, headers.get('messages'));
    const source = bytesSource(bytes);
    const { keys } = await verifyParts(source, await verifyManifest(source, openOptions.trust));
    const suite = suites['intl-1'];
    const self = readCertificate(receiver.certificate, suite);
    const kek = await openKey(keys, self, receiver.derive, suite);
    assert.equal(kek.toString('hex'), headers.get('package-kek'));
  });
}

test('there are vectors for every refusal that the opener knows', () => {
  const seen = new Set(names.map((name) => readVector(name).headers.get('expect')));
  const known = `ok PACKAGE_TRUNCATED PACKAGE_TOO_LARGE PACKAGE_LAYOUT PACKAGE_SENDER
    PACKAGE_SIGNATURE PACKAGE_MANIFEST PACKAGE_SUITE PACKAGE_RECEIVER PACKAGE_LANE
    PACKAGE_FROM_FUTURE PACKAGE_EXPIRED LANE_REPLAY LANE_FORK PACKAGE_KEYS
    PACKAGE_SEGMENTS PACKAGE_DECRYPT PACKAGE_MESSAGE`;
  assert.deepEqual([...seen].sort(), known.split(/\s+/).sort());
});
