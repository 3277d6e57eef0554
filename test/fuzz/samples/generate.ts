/**
 * Makes the samples of this folder anew, where their format changes:
 * `node test/fuzz/samples/generate.ts`. Their keys are thrown away, so each is fixed from then on.
 */
import { randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeKeystore } from '@sallyport/hsm/soft/file.ts';
import { blockAfter, checkpointMessage, noHash } from '@sallyport/shared/audit/chain.ts';
import { writeTrustFile } from '@sallyport/shared/pairing/trust-file.ts';
import { createAuthority } from '../../x509/authority.ts';
import { selfSigned } from '../../x509/self-signed.ts';
import { softKey } from '../../x509/soft-key.ts';
import { pin, samplesAtMs, stretchSmall } from '../samples.ts';

const save = (name: string, content: string | Uint8Array): void =>
  writeFileSync(join(import.meta.dirname, name), content);

const authority = await createAuthority('inner-1', samplesAtMs);
const issue = (profile: 'sign' | 'decrypt' | 'audit' | 'link'): Promise<Buffer> =>
  authority.issue(profile, softKey());
const certificates = {
  ca: authority.der,
  sign: await issue('sign'),
  decrypt: await issue('decrypt'),
  audit: await issue('audit'),
  link: await issue('link'),
};
const trust = { node: 'inner-1', role: 'inner', createdAtMs: samplesAtMs, certificates } as const;
save('peer.trust', await writeTrustFile(trust, authority.key.sign));

const scalar = randomBytes(32);
const keys = [
  { label: 'inner-1 sign', use: 'sign', scalar },
  { label: 'inner-1 decrypt', use: 'derive', scalar },
] as const;
save('soft.keystore', encodeKeystore(stretchSmall(pin), keys));

const audit = softKey();
const first = blockAfter({ sequence: 0, hash: noHash }, 1, ['{"event":"seal","atMs":1}']);
const signature = sign('sha256', checkpointMessage(first, 2), {
  key: audit.privateKey,
  dsaEncoding: 'ieee-p1363',
}).toString('base64');
const named = { sequence: first.sequence, hash: first.hash };
const checkpoint = JSON.stringify({ event: 'checkpoint', atMs: 2, ...named, signature });
const second = blockAfter(first, 2, [checkpoint, '{"event":"seal","atMs":2}']);
const blocks = [first, second].map((block) => ({
  ...block,
  events: Buffer.from(block.events).toString(),
}));
save('audit.json', `${JSON.stringify(blocks, null, 2)}\n`);
save('audit.pem', selfSigned(audit.privateKey, 'audit'));
