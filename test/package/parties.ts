/**
 * The parties of the package tests: P-256 keys in software and certificates of a small CA, kept
 * beside the vectors (made by test/vectors/package/generate.ts). For tests alone: these private
 * keys are public.
 */
import { diffieHellman, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@sallyport/shared/ids.ts';
import type { DeriveShared } from '@sallyport/shared/package/cms-enveloped.ts';
import type { PackageSigner } from '@sallyport/shared/package/cms-signed.ts';
import { type EncodedMessage, encodeMessage } from '@sallyport/shared/package/message.ts';
import { type OpenOptions, openPackage } from '@sallyport/shared/package/open.ts';
import { type SealOptions, sealPackage } from '@sallyport/shared/package/seal.ts';
import { bytesSource } from '@sallyport/shared/package/source.ts';
import { publicKeyOf, softKey } from '../x509/soft-key.ts';

export const vectorsDir = join(import.meta.dirname, '../vectors/package');

export interface Party extends PackageSigner {
  readonly keyPem: string;
  readonly certificatePem: string;
  readonly derive: DeriveShared;
}

/** `name`: ca, sender, receiver or stranger. */
export function party(name: string): Party {
  const keyPem = readFileSync(join(vectorsDir, 'parties', `${name}.key.pem`), 'utf8');
  const certificatePem = readFileSync(join(vectorsDir, 'parties', `${name}.pem`), 'utf8');
  const { privateKey, sign } = softKey(keyPem);
  return {
    keyPem,
    certificatePem,
    certificate: new X509Certificate(certificatePem).raw,
    sign,
    derive: async (point) => diffieHellman({ privateKey, publicKey: publicKeyOf(point) }),
  };
}

export const sender = party('sender');
export const receiver = party('receiver');
export const stranger = party('stranger');

/** When everything in these tests happens. */
export const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);

export const sealOptions = {
  manifest: {
    packageId: newId(nowMs),
    lane: { sender: 'outer-1', receiver: 'inner-1', channel: 'import', flowClass: 'interactive' },
    sequence: 1,
    previous: '0'.repeat(64),
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 3_600_000,
    policyVersion: 7,
  },
  suite: 'intl-1',
  sender,
  recipient: receiver,
} as const satisfies SealOptions;

export const openOptions: OpenOptions = {
  trust: { nodeId: 'outer-1', certificate: sender.certificate },
  self: { nodeId: 'inner-1', certificate: receiver.certificate, derive: receiver.derive },
  lane: sealOptions.manifest.lane,
  check: () => {},
  nowMs: nowMs + 1000,
};

/** A request whose body is `bodyBytes` bytes that depend on `seed`. */
export function requestMessage(bodyBytes: number, seed = 0): EncodedMessage {
  return encodeMessage({
    header: {
      type: 'request',
      id: newId(nowMs + seed),
      flow: 'citizens/read',
      consumer: 'portal',
      deadlineMs: nowMs + 5000,
      method: 'GET',
      path: '/citizens/42',
      query: [['fields', 'name']],
      headers: { accept: 'application/json' },
    },
    body: Buffer.alloc(bodyBytes, `body ${seed} `),
  });
}

export function seal(messages: readonly EncodedMessage[], changes: Partial<SealOptions> = {}) {
  return sealPackage({ ...sealOptions, ...changes, messages });
}

export function open(bytes: Buffer, changes: Partial<OpenOptions> = {}) {
  return openPackage(bytesSource(bytes), { ...openOptions, ...changes });
}
