/** A sender and a receiver for the package bench: new P-256 keys in software, with certificates. */
import { createECDH } from 'node:crypto';
import { signDigest } from '@sallyport/hsm/soft/ecdsa.ts';
import { issueCertificate, newSerial } from '@sallyport/hsm/x509.ts';

/** Base64, so that it can be told to a child process. */
export interface Party {
  readonly scalar: string;
  readonly certificate: string;
}

export interface Parties {
  readonly sender: Party;
  readonly receiver: Party;
}

export async function makeParties(): Promise<Parties> {
  return { sender: await makeParty('sign'), receiver: await makeParty('decrypt') };
}

/** Issued by an authority that is forgotten at once: a package pins the certificate itself. */
async function makeParty(profile: 'sign' | 'decrypt'): Promise<Party> {
  const [authority, pair] = [newPair(), newPair()];
  const nowMs = Date.now();
  const certificate = await issueCertificate({
    profile,
    commonName: `bench ${profile}`,
    subjectPublicKey: pair.point,
    serial: newSerial(),
    notBeforeMs: nowMs - 60_000,
    notAfterMs: nowMs + 86_400_000,
    issuer: { commonName: 'bench ca', publicKey: authority.point },
    sign: async (digest) => signDigest(authority.scalar, digest),
  });
  return {
    scalar: pair.scalar.toString('base64'),
    certificate: certificate.toString('base64'),
  };
}

function newPair(): { point: Buffer; scalar: Buffer } {
  const pair = createECDH('prime256v1');
  const point = pair.generateKeys();
  return { point, scalar: Buffer.from(pair.getPrivateKey('hex').padStart(64, '0'), 'hex') };
}
