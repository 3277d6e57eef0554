/** Credentials as policy.yaml has them: PEM and JWK, made into their normal form. */
import { createPublicKey, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import {
  readPem,
  type SignatureAlgorithm,
  signatureAlgorithms,
  spkiOf,
  type TokenAlgorithm,
  tokenAlgorithms,
} from '../accounts/algorithms.ts';
import {
  type CertificateCredential,
  type Credential,
  type PluginCredential,
  pluginCredential,
  readCa,
  type SignatureCredential,
  type TokenCredential,
  type TokenKey,
} from '../accounts/credential.ts';
import { limits } from '../limits.ts';
import { type RevocationList, readRevocationList } from '../x509/crl.ts';
import { CredentialFile } from './credential-files.ts';
import { untilMs } from './until.ts';

const text = z
  .string()
  .regex(/^[\x20-\x7e]+$/, 'expected visible ASCII')
  .max(limits.credentialNameMax);
const component = z
  .string()
  .regex(/^@?[a-z0-9][a-z0-9-]{0,63}$/, 'expected a component such as @authority or date');
const until = z
  .string()
  .refine((date) => untilMs(date) !== undefined, 'expected a date as 2027-06-30')
  .optional();

const signature = z
  .strictObject({
    type: z.literal('http-signature'),
    keyid: text,
    algorithm: z.string().refine(isSignatureAlgorithm, {
      error: ({ input }) => algorithmFault(input),
    }),
    publicKey: z.string().max(limits.credentialTextMax),
    components: z.array(component).max(limits.signatureComponentsMax).default([]),
    authority: text.toLowerCase().optional(),
    maxAgeMs: z.int().min(1000).max(limits.signatureAgeMsMax).default(limits.signatureAgeMs),
    until,
  })
  .transform(({ until, publicKey, authority, ...rest }, context): SignatureCredential => {
    const algorithm = rest.algorithm as SignatureAlgorithm;
    const key = readPem(publicKey);
    if (!key || !signatureAlgorithms[algorithm].fits(key)) {
      add(context, 'publicKey', `expected a public key for ${algorithm} as PEM (BEGIN PUBLIC KEY)`);
      return z.NEVER;
    }
    const components = rest.components.toSorted();
    const named = authority === undefined ? {} : { authority };
    return { ...rest, ...named, algorithm, components, publicKey: spkiOf(key), ...untilOf(until) };
  });

/** Members of a set besides its keys mean nothing here (RFC 7517 §5). */
const jwksShape = z.object({
  keys: z.array(z.record(z.string(), z.unknown())).min(1).max(limits.tokenKeysMax),
});

const token = z
  .strictObject({
    type: z.literal('jwt'),
    issuer: text,
    audience: text,
    subject: text,
    jwks: z.unknown().transform((value, context) => {
      const read = jwksShape.safeParse(value instanceof CredentialFile ? jsonOf(value) : value);
      if (read.success) return read.data;
      const fault = value instanceof CredentialFile ? faultOf(value) : undefined;
      add(context, '', fault ?? 'expected a JWK set, { keys: […] }, or a file that holds one');
      return z.NEVER;
    }),
    until,
  })
  .transform(({ until, jwks, ...rest }, context): TokenCredential => {
    const keys = jwks.keys.map(tokenKey);
    const bad = keys.indexOf(undefined);
    if (bad >= 0) {
      const expected = `a public JWK for signatures with "alg" of ${Object.keys(tokenAlgorithms).join(', ')}`;
      add(context, `jwks.keys[${bad}]`, `expected ${expected}`);
      return z.NEVER;
    }
    const found = keys.filter((key) => key !== undefined);
    const sorted = found.toSorted((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
    return { ...rest, keys: sorted, ...untilOf(until) };
  });

const certificate = z
  .strictObject({
    type: z.literal('certificate'),
    ca: z.string().max(limits.credentialTextMax).optional(),
    spki: z
      .string()
      .regex(/^[A-Za-z0-9+/]{43}=$/, 'expected SHA-256 in base64')
      .optional(),
    subject: z.string().min(1).max(limits.credentialNameMax).optional(),
    crl: z
      .instanceof(CredentialFile, { error: 'expected the name of a file of the policy' })
      .optional(),
    until,
  })
  .transform(({ until, ca, crl, ...rest }, context): CertificateCredential => {
    const der = ca === undefined ? undefined : caOf(ca);
    if (ca !== undefined && der === undefined) {
      add(context, 'ca', 'expected one CA certificate as PEM');
      return z.NEVER;
    }
    if (rest.spki === undefined && (der === undefined || rest.subject === undefined)) {
      add(
        context,
        '',
        'expected spki, or ca and subject: a CA alone would let all that it issued in',
      );
      return z.NEVER;
    }
    const { spki, subject } = rest;
    const revoked = crl && revokedBy(crl, der);
    if (typeof revoked === 'string') {
      add(context, 'crl', revoked);
      return z.NEVER;
    }
    return {
      type: 'certificate',
      ...(der !== undefined && { ca: der }),
      ...(revoked && { revoked }),
      ...(spki !== undefined && { spki }),
      ...(subject !== undefined && { subject }),
      ...untilOf(until),
    };
  });

const plugin = z
  .strictObject({ ...pluginCredential, until })
  .transform(({ until, ...rest }): PluginCredential => ({ ...rest, ...untilOf(until) }));

/** One credential of a consumer, read and put into its normal form. */
export const credentialText = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('key') }),
  signature,
  token,
  certificate,
  plugin,
]);

/** One order, so that equal policies are equal bytes. */
export function inOrder(credentials: readonly Credential[]): Credential[] {
  const key = (one: Credential): string => `${one.type} ${JSON.stringify(one)}`;
  return credentials.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function isSignatureAlgorithm(value: unknown): boolean {
  return typeof value === 'string' && Object.hasOwn(signatureAlgorithms, value);
}

/** A shared secret would lie in the bundle of both nodes: the outer one could then sign for the consumer. */
function algorithmFault(value: unknown): string {
  const expected = `expected ${Object.keys(signatureAlgorithms).join(' or ')}`;
  return value === 'hmac-sha256'
    ? `${expected}: with hmac-sha256 the outer node would hold the secret of the consumer`
    : expected;
}

/** Undefined for what is no public key for signatures: also for a private or a shared one. */
function tokenKey(jwk: Readonly<Record<string, unknown>>): TokenKey | undefined {
  const { alg, kid, use, d, k } = jwk;
  const isOther = use !== undefined && use !== 'sig';
  if (typeof alg !== 'string' || !Object.hasOwn(tokenAlgorithms, alg) || isOther) return undefined;
  if (d !== undefined || k !== undefined) return undefined;
  if (kid !== undefined && !text.safeParse(kid).success) return undefined;
  const algorithm = alg as TokenAlgorithm;
  const key = readJwk(jwk);
  if (!key || !tokenAlgorithms[algorithm].fits(key)) return undefined;
  return { ...(typeof kid === 'string' && { kid }), algorithm, publicKey: spkiOf(key) };
}

function readJwk(jwk: Readonly<Record<string, unknown>>): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** The list, or what is wrong with it. */
function revokedBy(crl: CredentialFile, ca: string | undefined): RevocationList | string {
  const issuer = ca === undefined ? undefined : readCa(ca);
  if (issuer === undefined) return 'expected ca beside a revocation list';
  if ('fault' in crl.found) return crl.found.fault;
  const list = readRevocationList(crl.found.text, issuer);
  return list ?? 'expected a revocation list (PEM, X509 CRL) with an end, signed by this ca, whole';
}

function jsonOf({ found }: CredentialFile): unknown {
  try {
    return 'text' in found ? JSON.parse(found.text) : undefined;
  } catch {
    return undefined;
  }
}

function faultOf({ found }: CredentialFile): string {
  return 'fault' in found ? found.fault : 'expected a JWK set in this file, { "keys": […] }';
}

function caOf(pem: string): string | undefined {
  try {
    const found = pem.match(/-----BEGIN CERTIFICATE-----/g)?.length;
    const read = new X509Certificate(pem);
    return found === 1 && read.ca ? read.raw.toString('base64') : undefined;
  } catch {
    return undefined;
  }
}

function untilOf(text: string | undefined): { untilMs?: number } {
  const ms = text === undefined ? undefined : untilMs(text);
  return ms === undefined ? {} : { untilMs: ms };
}

function add(context: z.RefinementCtx, at: string, message: string): void {
  context.addIssue({ code: 'custom', path: at === '' ? [] : [at], message });
}
