/** A consumer that signs its requests, written from RFC 9421 and RFC 9530 alone. */
import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { SignatureAlgorithm } from '@sallyport/shared/accounts/algorithms.ts';

export interface SigningKey {
  readonly keyid: string;
  readonly algorithm: SignatureAlgorithm;
  readonly privateKey: KeyObject;
  /** PEM. */
  readonly publicPem: string;
}

export function newSigningKey(
  keyid: string,
  algorithm: SignatureAlgorithm = 'ecdsa-p256-sha256',
): SigningKey {
  const pair =
    algorithm === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : algorithm === 'rsa-pss-sha512'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicPem = String(pair.publicKey.export({ type: 'spki', format: 'pem' }));
  return { keyid, algorithm, privateKey: pair.privateKey, publicPem };
}

export interface ToSign {
  readonly method: string;
  readonly target: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Names of components; all that the product demands where absent. */
  readonly components?: readonly string[];
  readonly created?: number;
  readonly expires?: number;
  readonly nonce?: string | null;
  readonly alg?: string;
  readonly label?: string;
}

export interface Signed {
  readonly scheme: 'https';
  readonly target: string;
  readonly fields: Readonly<Record<string, string>>;
}

let nonces = 0;

/** The head of a signed request, as the edge tells it to the guard. */
export function signRequest(key: SigningKey, given: ToSign): Signed {
  const { method, target, body = '', label = 'sig1' } = given;
  nonces += 1;
  const nonce = given.nonce === undefined ? `nonce-${process.pid}-${nonces}-xxxxxxxx` : given.nonce;
  const fields: Record<string, string> = { host: 'gw.example', ...given.fields };
  if (body !== '') {
    const digest = createHash('sha256').update(body).digest('base64');
    fields['content-digest'] ??= `sha-256=:${digest}:`;
    fields['content-type'] ??= 'application/json';
  }
  const [path = '', query] = target.split('?');
  const names = given.components ?? [
    ...['@method', '@authority', '@path'],
    ...(query === undefined ? [] : ['@query']),
    ...(body === '' ? [] : ['content-digest', 'content-type']),
  ];
  const derived: Record<string, string | undefined> = {
    '@method': method,
    '@authority': fields.host,
    '@path': path,
    '@query': `?${query ?? ''}`,
    '@request-target': target,
    '@target-uri': `https://${fields.host}${target}`,
    '@scheme': 'https',
  };
  const params = [
    `(${names.map((name) => `"${name}"`).join(' ')})`,
    `created=${given.created ?? Math.floor(Date.now() / 1000)}`,
    ...(given.expires === undefined ? [] : [`expires=${given.expires}`]),
    `keyid="${key.keyid}"`,
    ...(nonce === null ? [] : [`nonce="${nonce}"`]),
    ...(given.alg === undefined ? [] : [`alg="${given.alg}"`]),
  ].join(';');
  const lines = names.map((name) => `"${name}": ${derived[name] ?? fields[name]}`);
  const base = [...lines, `"@signature-params": ${params}`].join('\n');
  const signature = signWith(key, Buffer.from(base)).toString('base64');
  return {
    scheme: 'https',
    target,
    fields: {
      ...fields,
      'signature-input': `${label}=${params}`,
      signature: `${label}=:${signature}:`,
    },
  };
}

function signWith({ algorithm, privateKey }: SigningKey, base: Buffer): Buffer {
  if (algorithm === 'ed25519') return sign(null, base, privateKey);
  if (algorithm === 'ecdsa-p256-sha256') {
    return sign('sha256', base, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  }
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return sign('sha512', base, { key: privateKey, padding, saltLength: 64 });
}
