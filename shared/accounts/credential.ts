/**
 * The credentials that a policy can give a consumer, in normal form. Public keys and names alone: whoever
 * reads a policy learns nothing with which to call.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { limits } from '../limits.ts';
import { credentialIdPattern } from '../plugins/ask.ts';
import type { RevocationList } from '../x509/crl.ts';
import {
  readSpki,
  type SignatureAlgorithm,
  signatureAlgorithms,
  type TokenAlgorithm,
  tokenAlgorithms,
} from './algorithms.ts';

export type Credential =
  | KeyCredential
  | SignatureCredential
  | TokenCredential
  | CertificateCredential
  | PluginCredential;

/** The consumer may have API keys; they are issued, not written into the policy. */
export interface KeyCredential {
  readonly type: 'key';
}

/** HTTP Message Signatures (RFC 9421). */
export interface SignatureCredential {
  readonly type: 'http-signature';
  /** Unique in the policy. */
  readonly keyid: string;
  readonly algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER, base64. */
  readonly publicKey: string;
  /** What must be covered besides what always must; sorted. */
  readonly components: readonly string[];
  /** The name of this gateway that must be signed (`@authority`), where given. */
  readonly authority?: string;
  /** How long after `created` a signature is taken. */
  readonly maxAgeMs: number;
  readonly untilMs?: number;
}

/** A JWT of an issuer whose keys are here, for the node at the boundary cannot fetch any. */
export interface TokenCredential {
  readonly type: 'jwt';
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly keys: readonly TokenKey[];
  readonly untilMs?: number;
}

export interface TokenKey {
  readonly kid?: string;
  readonly algorithm: TokenAlgorithm;
  readonly publicKey: string;
}

/** A client certificate: by the CA that issued it and its subject, by its key, or both. */
export interface CertificateCredential {
  readonly type: 'certificate';
  /** DER, base64. */
  readonly ca?: string;
  /** SHA-256 of SubjectPublicKeyInfo, base64. */
  readonly spki?: string;
  /** As certificates have it, in their order: `C=CN, O=Tax Bureau, CN=tax-1`. */
  readonly subject?: string;
  /** What the CA has taken back. */
  readonly revoked?: RevocationList;
  readonly untilMs?: number;
}

/** Whatever a plug-in of the policy recognises. */
export interface PluginCredential {
  readonly type: 'plugin';
  /** Name of the authenticator in the policy. */
  readonly plugin: string;
  /** What it gives for this consumer. */
  readonly id: string;
  readonly untilMs?: number;
}

const ms = z.int().min(0);
const base64 = z.base64().max(limits.credentialTextMax);
const text = z
  .string()
  .regex(/^[\x20-\x7e]*$/)
  .min(1)
  .max(limits.credentialNameMax);

const signatureShape = z
  .strictObject({
    type: z.literal('http-signature'),
    keyid: text,
    algorithm: z.enum(Object.keys(signatureAlgorithms) as SignatureAlgorithm[]),
    publicKey: base64,
    components: z.array(text).max(limits.signatureComponentsMax),
    authority: text.optional(),
    maxAgeMs: z.int().min(1000).max(limits.signatureAgeMsMax),
    untilMs: ms.optional(),
  })
  .refine(({ algorithm, publicKey }) => {
    const key = readSpki(publicKey);
    return key !== undefined && signatureAlgorithms[algorithm].fits(key);
  }, 'expected a public key that fits the algorithm');

const tokenKeyShape = z
  .strictObject({
    kid: text.optional(),
    algorithm: z.enum(Object.keys(tokenAlgorithms) as TokenAlgorithm[]),
    publicKey: base64,
  })
  .refine(({ algorithm, publicKey }) => {
    const key = readSpki(publicKey);
    return key !== undefined && tokenAlgorithms[algorithm].fits(key);
  }, 'expected a public key that fits the algorithm');

const tokenShape = z.strictObject({
  type: z.literal('jwt'),
  issuer: text,
  audience: text,
  subject: text,
  keys: z.array(tokenKeyShape).min(1).max(limits.tokenKeysMax),
  untilMs: ms.optional(),
});

const serial = z.string().regex(/^(0|[1-9a-f][0-9a-f]{0,63})$/);
const revokedShape = z.strictObject({
  serials: z.array(serial).max(limits.crlEntriesMax),
  untilMs: ms,
});

const certificateShape = z
  .strictObject({
    type: z.literal('certificate'),
    ca: base64.refine((der) => readCa(der) !== undefined, 'expected a CA certificate').optional(),
    spki: z.base64().length(44).optional(),
    subject: z.string().min(1).max(limits.credentialNameMax).optional(),
    revoked: revokedShape.optional(),
    untilMs: ms.optional(),
  })
  .refine(
    ({ ca, spki, subject }) => spki !== undefined || (ca !== undefined && subject !== undefined),
    'expected spki, or ca and subject',
  )
  .refine(
    ({ ca, revoked }) => ca !== undefined || revoked === undefined,
    'expected ca beside revoked certificates',
  );

/** A credential by a plug-in, without its end. */
export const pluginCredential = {
  type: z.literal('plugin'),
  plugin: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected the name of a plug-in'),
  id: z.string().regex(credentialIdPattern, 'expected an id that an authenticator may give'),
};

/** A credential of a bundle. */
export const credentialShape = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('key') }),
  signatureShape,
  tokenShape,
  certificateShape,
  z.strictObject({ ...pluginCredential, untilMs: ms.optional() }),
]);

/** A CA certificate of a policy. Undefined where it is none. */
export function readCa(der: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(Buffer.from(der, 'base64'));
    return certificate.ca && certificate.raw.toString('base64') === der ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** What no two credentials of a policy may share; undefined for those that need no name. */
export function identityOf(credential: Credential): string | undefined {
  switch (credential.type) {
    case 'key':
      return undefined;
    case 'http-signature':
      return `keyid ${credential.keyid}`;
    case 'jwt':
      return `token ${JSON.stringify([credential.issuer, credential.audience, credential.subject])}`;
    case 'certificate': {
      const { ca = '', spki = '', subject = '' } = credential;
      const issuer = createHash('sha256').update(ca).digest('hex').slice(0, 16);
      return `certificate ${JSON.stringify([issuer, spki, subject])}`;
    }
    case 'plugin':
      return pluginIdentity(credential.plugin, credential.id);
  }
}

/** What an authenticator and what it gave lead to. */
export function pluginIdentity(plugin: string, id: string): string {
  return `plugin ${plugin} ${id}`;
}

/** How a use of the credential is named in logs, audit and lists: never anything secret. */
export function labelOf(credential: Credential): string {
  switch (credential.type) {
    case 'key':
      return 'key';
    case 'http-signature':
      return `http-signature ${credential.keyid}`;
    case 'jwt':
      return `jwt ${credential.subject}`;
    case 'certificate':
      return `certificate ${credential.subject ?? credential.spki ?? ''}`;
    case 'plugin':
      return `plugin ${credential.plugin} ${credential.id}`;
  }
}
