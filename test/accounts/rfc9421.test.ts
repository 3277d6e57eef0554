/** RFC 9421, appendix B: every example, with the keys, bases and signatures that are printed there. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { readPem, signatureAlgorithms } from '@sallyport/shared/accounts/algorithms.ts';
import { expectDigest } from '@sallyport/shared/accounts/content-digest.ts';
import {
  requestComponent,
  type SignedRequest,
  signatureBase,
} from '@sallyport/shared/accounts/signature-base.ts';
import { type Component, parseSignatures } from '@sallyport/shared/accounts/signature-input.ts';

const pem = (base64: string): string =>
  `-----BEGIN PUBLIC KEY-----\n${base64.replace(/\s+/g, '\n')}\n-----END PUBLIC KEY-----\n`;

/** B.1.2 */
const rsaPss = pem(`MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB`);
/** B.1.3 */
const eccP256 = pem(`MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==`);
/** B.1.4 */
const ed25519 = pem('MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=');
/** B.1.5 */
const sharedSecret =
  'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==';

const requestDigest =
  'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:';
const responseDigest =
  'sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:';
/** B.2 */
const request: SignedRequest = {
  method: 'POST',
  scheme: 'https',
  target: '/foo?param=Value&Pet=dog',
  fields: {
    host: 'example.com',
    date: 'Tue, 20 Apr 2021 02:07:55 GMT',
    'content-type': 'application/json',
    'content-digest': requestDigest,
    'content-length': '18',
  },
};
const responseFields: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  'content-digest': responseDigest,
  'content-length': '23',
};
const ofResponse = ({ name }: Component): string | undefined =>
  name === '@status' ? '200' : responseFields[name];

const clientCertificate =
  ':MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMM' +
  'EkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEw' +
  'YHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEA' +
  'EFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ' +
  '8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49' +
  'BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU' +
  '4hBVZ1yhk=:';
const ofProxy: SignedRequest = {
  ...request,
  fields: { ...request.fields, host: 'service.internal.example', 'client-cert': clientCertificate },
};

interface Example {
  readonly name: string;
  readonly algorithm: keyof typeof signatureAlgorithms;
  readonly key: string;
  readonly component: (component: Component) => string | undefined;
  readonly input: string;
  readonly signature: string;
  /** Without its last line. */
  readonly base: readonly string[];
}

const created = 'created=1618884473';
const examples: readonly Example[] = [
  {
    name: 'B.2.1 minimal, rsa-pss-sha512',
    algorithm: 'rsa-pss-sha512',
    key: rsaPss,
    component: requestComponent(request),
    input: `();${created};keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
    signature:
      'd2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7z' +
      'FZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKh' +
      'O4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gC' +
      'w1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==',
    base: [],
  },
  {
    name: 'B.2.2 selective, rsa-pss-sha512',
    algorithm: 'rsa-pss-sha512',
    key: rsaPss,
    component: requestComponent(request),
    input:
      `("@authority" "content-digest" "@query-param";name="Pet");${created}` +
      ';keyid="test-key-rsa-pss";tag="header-example"',
    signature:
      'LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8U' +
      'CMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8N' +
      'V7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs' +
      '0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==',
    base: [
      '"@authority": example.com',
      `"content-digest": ${requestDigest}`,
      '"@query-param";name="Pet": dog',
    ],
  },
  {
    name: 'B.2.3 full coverage, rsa-pss-sha512',
    algorithm: 'rsa-pss-sha512',
    key: rsaPss,
    component: requestComponent(request),
    input:
      '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" ' +
      `"content-length");${created};keyid="test-key-rsa-pss"`,
    signature:
      'bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2vo' +
      'Tp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzN' +
      'BXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBro' +
      'hr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==',
    base: [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method": POST',
      '"@path": /foo',
      '"@query": ?param=Value&Pet=dog',
      '"@authority": example.com',
      '"content-type": application/json',
      `"content-digest": ${requestDigest}`,
      '"content-length": 18',
    ],
  },
  {
    name: 'B.2.4 a response, ecdsa-p256-sha256',
    algorithm: 'ecdsa-p256-sha256',
    key: eccP256,
    component: ofResponse,
    input:
      '("@status" "content-type" "content-digest" "content-length");' +
      `${created};keyid="test-key-ecc-p256"`,
    signature:
      'wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==',
    base: [
      '"@status": 200',
      '"content-type": application/json',
      `"content-digest": ${responseDigest}`,
      '"content-length": 23',
    ],
  },
  {
    name: 'B.2.6 a request, ed25519',
    algorithm: 'ed25519',
    key: ed25519,
    component: requestComponent(request),
    input:
      '("date" "@method" "@path" "@authority" "content-type" "content-length");' +
      `${created};keyid="test-key-ed25519"`,
    signature:
      'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    base: [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method": POST',
      '"@path": /foo',
      '"@authority": example.com',
      '"content-type": application/json',
      '"content-length": 18',
    ],
  },
  {
    name: 'B.3 a proxy that ends TLS, ecdsa-p256-sha256',
    algorithm: 'ecdsa-p256-sha256',
    key: eccP256,
    component: requestComponent(ofProxy),
    input: `("@path" "@query" "@method" "@authority" "client-cert");${created};keyid="test-key-ecc-p256"`,
    signature:
      'xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==',
    base: [
      '"@path": /foo',
      '"@query": ?param=Value&Pet=dog',
      '"@method": POST',
      '"@authority": service.internal.example',
      `"client-cert": ${clientCertificate}`,
    ],
  },
];

function holds(algorithm: Example['algorithm'], key: string, base: string, signature: Buffer) {
  const read = readPem(key);
  assert.ok(read && signatureAlgorithms[algorithm].fits(read));
  return signatureAlgorithms[algorithm].verify(read, Buffer.from(base, 'latin1'), signature);
}

for (const { name, algorithm, key, component, input, signature, base } of examples) {
  test(`${name}: the base is the printed one and its signature holds`, () => {
    const [read] = parseSignatures(`sig=${input}`, `sig=:${signature}:`);
    assert.ok(read);
    const built = signatureBase(read, component);
    assert.equal(built, [...base, `"@signature-params": ${input}`].join('\n'));
    assert.equal(holds(algorithm, key, built, read.signature), true);
    assert.equal(holds(algorithm, key, `${built} `, read.signature), false);
  });
}

test('B.2.5 a request, hmac-sha256: the base is the printed one; the algorithm is not offered', () => {
  const input = `("date" "@authority" "content-type");${created};keyid="test-shared-secret"`;
  const signature = 'pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=';
  const [read] = parseSignatures(`sig-b25=${input}`, `sig-b25=:${signature}:`);
  assert.ok(read);
  const base = signatureBase(read, requestComponent(request));
  const mac = createHmac('sha256', Buffer.from(sharedSecret, 'base64')).update(base);
  assert.equal(mac.digest('base64'), signature);
  assert.equal(Object.hasOwn(signatureAlgorithms, 'hmac-sha256'), false);
});

const original: SignedRequest = {
  method: 'GET',
  scheme: 'https',
  target: '/demo?name1=Value1&Name2=value2',
  fields: { host: 'example.org', accept: 'application/json, */*' },
};
const transformed: readonly [string, boolean, Partial<SignedRequest>][] = [
  ['as it was signed', true, {}],
  ['with another query and header', true, { target: `${original.target}&param=added` }],
  [
    'with more header fields',
    true,
    { fields: { ...original.fields, 'accept-language': 'en-US,en;q=0.5' } },
  ],
  [
    'with another method and authority',
    false,
    { method: 'POST', fields: { ...original.fields, host: 'example.com' } },
  ],
  [
    'with its values in another order',
    false,
    { fields: { ...original.fields, accept: '*/*, application/json' } },
  ],
];
for (const [what, expected, change] of transformed) {
  test(`B.4 a request ${what} is ${expected ? 'still' : 'no longer'} the one that was signed`, () => {
    const [read] = parseSignatures(
      `transform=("@method" "@path" "@authority" "accept");${created};keyid="test-key-ed25519"`,
      'transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:',
    );
    assert.ok(read);
    const base = signatureBase(read, requestComponent({ ...original, ...change }));
    assert.equal(holds('ed25519', ed25519, base, read.signature), expected);
  });
}

test('the digests of the examples are those of their bodies', () => {
  expectDigest(requestDigest, Buffer.from('{"hello": "world"}'));
  expectDigest(responseDigest, Buffer.from('{"message": "good dog"}'));
});
