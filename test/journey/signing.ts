/**
 * A policy with a consumer that signs, one that has tokens, and calls of theirs as the edge hands
 * them over.
 */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@sallyport/shared/ids.ts';
import { exportJWK, SignJWT } from 'jose';
import { newAuthority } from '../accounts/authority.ts';
import { newSigningKey, signRequest, type ToSign } from '../accounts/sign.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export const signer = newSigningKey('tax-1');
export const stranger = newSigningKey('tax-1');
const ca = newAuthority('/CN=Root');
const byCertificate = {
  ...{ type: 'certificate', ca: ca.certificate, subject: 'CN=tax-1' },
  crl: 'root.crl',
};
export const certified = ca.issue('/CN=tax-1');
export const revoked = ca.issue('/CN=tax-1');
const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Writes the policy; returns its folder. */
export async function writePolicy(): Promise<string> {
  const dir = temporaryFolder();
  const jwk = { ...(await exportJWK(issuer.publicKey)), kid: 'k1', alg: 'ES256' };
  const pem = signer.publicPem.trim().replaceAll('\n', '\n          ');
  const file = `
services:
  - name: register
    owner: civil-affairs
    level: important
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ] }
    routes:
      - name: get
        match: { methods: [GET], path: '/people/{id}' }
        request: { params: id.json, query: query.json, headers: [x-case] }
        response: { schema: answer.json }
      - name: change
        match: { methods: [POST], path: '/people/{id}' }
        request: { params: id.json, body: change.json }
        response: { schema: answer.json }
consumers:
  - name: signer
    credentials:
      - type: http-signature
        keyid: tax-1
        algorithm: ecdsa-p256-sha256
        publicKey: |
          ${pem}
  - name: bearer
    credentials:
      - type: jwt
        issuer: https://id.example
        audience: sallyport
        subject: bearer-1
        jwks: ${JSON.stringify({ keys: [jwk] })}
  - name: certified
    credentials:
      - ${JSON.stringify(byCertificate)}
  - { name: keyed, credentials: [ { type: key } ] }
consumerGroups:
  - { name: everybody, consumers: [signer, bearer, certified, keyed] }
grants:
  - { group: everybody, routes: [register/get, register/change], fields: [ $.ok ] }
`;
  const text = { type: 'string', maxLength: 40 };
  const schemas = {
    'id.json': { type: 'object', properties: { id: text }, required: ['id'] },
    'query.json': { type: 'object', properties: { part: text, page: { type: 'integer' } } },
    'change.json': { type: 'object', properties: { a: text, b: text }, required: ['a'] },
    'answer.json': { type: 'object', properties: { ok: { type: 'boolean' } } },
  };
  writeFileSync(join(dir, 'policy.yaml'), file);
  writeFileSync(join(dir, 'root.crl'), ca.revoke([revoked]));
  for (const [name, schema] of Object.entries(schemas)) {
    writeFileSync(join(dir, name), JSON.stringify(schema));
  }
  return dir;
}

/** A signed call. */
export function signedCall(given: ToSign, key = signer) {
  const signed = signRequest(key, given);
  const [path = '', query = ''] = given.target.split('?');
  const { fields } = signed;
  return {
    id: newId(),
    method: given.method,
    path,
    query: [...new URLSearchParams(query)],
    headers: fields,
    signed,
    respondAsync: false,
  };
}

export function newToken(claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  const usual = { iss: 'https://id.example', aud: 'sallyport', sub: 'bearer-1', exp: seconds + 60 };
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'JWT' })
    .sign(issuer.privateKey);
}
