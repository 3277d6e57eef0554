/**
 * Small policies that together use the whole grammar. Small ones, because a change in a large one rarely
 * meets what is beside it, and most of its time goes into what did not change. All keys in them are fixed,
 * as all samples are: a random one would make another case of the same seed.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import type { PolicySource } from '@sallyport/shared/policy/source.ts';
import { vectorsDir } from '../package/parties.ts';

export const ca = new X509Certificate(readFileSync(join(vectorsDir, 'parties/ca.pem')));
/** Of this CA; with `openssl ca -gencrl -crldays 36000`. */
export const crl = readFileSync(join(import.meta.dirname, 'samples/ca.crl'), 'utf8');
const publicKey = String(ca.publicKey.export({ format: 'pem', type: 'spki' }));
const jwk = { ...ca.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' };
const block = (pem: string): string => pem.trim().replaceAll('\n', '\n          ');

const service = (routes: string): string => `services:
  - name: a
    owner: b
    level: core
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ] }
    routes:
${routes}
`;
const fieldFor = (transform: string): string =>
  /bucket|round|noise/.test(transform) ? "'$.l[*].k'" : '$.n';
const plain = service('      - { name: c, match: { methods: [GET], path: /c } }');
const keyed = 'consumers: [ { name: d, credentials: [ { type: key } ] } ]\n';

/** What a citizen, a list and the parts of a request look like. */
export const schemaFiles: Readonly<Record<string, unknown>> = {
  'p.json': {
    type: 'object',
    properties: { id: { type: 'string', pattern: '^c-[0-9]{1,6}$' } },
    required: ['id'],
  },
  'q.json': {
    type: 'object',
    properties: {
      page: { type: 'integer', minimum: 1, maximum: 100, multipleOf: 1 },
      kind: { type: 'array', items: { enum: ['x', 'y'], type: 'string' }, maxItems: 2 },
    },
  },
  'r.json': {
    type: 'object',
    required: ['n'],
    properties: {
      n: { type: 'string', minLength: 1, maxLength: 9, format: 'date' },
      l: { type: 'array', items: { $ref: '#/$defs/o' } },
    },
    $defs: {
      o: { type: ['object', 'null'], properties: { k: { type: ['number', 'null'], const: 1 } } },
    },
  },
};

const xsd =
  '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">' +
  '<xs:element name="r" type="xs:string"/></xs:schema>';

/** Each as text of policy.yaml. */
export const policyTexts: readonly string[] = [
  `${service(`      - name: c
        match: { methods: [GET, DELETE], path: '/c/{id}' }
        timeoutMs: 6000
        deadlineMs: 60000
        idempotent: true
        request: { params: p.json, query: q.json, headers: [x-purpose] }
        response: { statuses: [200, 201], schema: r.json, headers: [etag] }`)}
${keyed}grants:
  - { consumer: d, routes: [a/c], fields: [ $.n, '$.l[*].k' ], until: 2027-06-30 }
`,
  `${service(`      - name: c
        match: { methods: [POST], path: /c }
        idempotencyKey: true
        request: { body: r.json, content: { format: json, text: { form: normalise, hidden: allow } } }
        response:
          schema: r.json
          content: { format: xml, xml: { root: r, namespace: 'urn:r', xsd: r.xsd } }
          masks:
            - { field: $.n, transform: keep, first: 3, char: '#' }
            - { field: '$.l[*].k', transform: null }
          detect: { hit: block, open: [ $.n ], bankCards: [ '621' ] }`)}
`,
  ...[
    ['surname', 'token, as: digits', 'date, to: year', 'address, level: city'],
    ['email', 'hash', 'encrypt', 'plate'],
    ['bucket, edges: [ 0, 1.5, 9 ]', 'round, to: 10', 'noise, within: 5', 'drop'],
    ["regex, pattern: '^(a)b', replace: '$1x'", 'fixed'],
  ].map((transforms) =>
    service(
      transforms
        .map(
          (transform, at) => `      - name: c${at}
        match: { methods: [GET], path: /c${at} }
        response:
          schema: r.json
          masks: [ { field: ${fieldFor(transform)}, transform: ${transform} } ]`,
        )
        .join('\n'),
    ),
  ),
  `${plain}consumers:
  - { name: d, credentials: [ { type: key } ] }
  - name: e
    credentials:
      - type: http-signature
        keyid: e-1
        algorithm: ecdsa-p256-sha256
        components: [ '@authority', date ]
        authority: g.example
        maxAgeMs: 60000
        until: 2027-06-30T10:00:00+08:00
        publicKey: |
          ${block(publicKey)}
`,
  `${plain}consumers:
  - name: e
    credentials:
      - type: jwt
        issuer: https://i.example
        audience: s
        subject: e
        jwks: { keys: [ ${JSON.stringify(jwk)} ] }
consumerGroups: [ { name: h, consumers: [ e ] } ]
grants: [ { group: h, routes: [ a/c ] } ]
rights: [ { actor: wang, may: reverse-tokens, consumers: [ e ], until: 2027-06-30 } ]
`,
  `${plain}consumers:
  - name: e
    credentials:
      - type: certificate
        subject: C=CN, O=Tax, CN=e
        crl: ca.crl
        ca: |
          ${block(ca.toString())}
`,
  `${plain}${keyed}grants:
  - consumer: d
    routes: [ a/c ]
    from: 2026-01-01
    when: 'request.time.getHours("Asia/Shanghai") >= 8 && source.ip.inCidr(["10.1.0.0/16"]) || risk.score < 5'
    limits: { perSecond: 20, perDay: 100000 }
deny:
  - name: census
    reason: the registry is closed
    consumers: [ d ]
    routes: [ 'a/*' ]
    until: 2026-11-10
    when: 'consumer.name == "d" && size(route.flow) > 2 ? true : "x" in ["x"]'
`,
  `${service(`      - name: c
        match: { methods: [POST], path: /c }
        request: { body: r.json, checks: [ births ] }
        response:
          schema: r.json
          masks: [ { field: $.n, transform: plugin:area } ]
          detect: { plugins: [ vin ], open: [ '$.l[*].k' ] }
          checks: [ births ]`)}
plugins:
  - { name: area, kind: transform, digest: ${'a'.repeat(64)}, options: { digits: 3 } }
  - { name: vin, kind: detector, digest: ${'b'.repeat(64)} }
  - { name: workday, kind: condition, digest: ${'c'.repeat(64)}, options: { holidays: [ 2026-10-01 ] } }
  - { name: births, kind: check, digest: ${'d'.repeat(64)}, options: { a: null, b: [ 1.5, true ] } }
  - { name: legacy, kind: authenticator, digest: ${'e'.repeat(64)}, headers: [ x-sign, x-app ] }
consumers: [ { name: d, credentials: [ { type: plugin, plugin: legacy, id: tax-1, until: 2027-06-30 } ] } ]
grants:
  - { consumer: d, routes: [ a/c ], fields: [ $ ], when: 'request.plugin("workday") && true' }
`,
];

/** A policy that needs this one schema file. */
export function textWith(file: string): string {
  const needs = {
    'p.json': "match: { methods: [GET], path: '/c/{id}' }, request: { params: p.json }",
    'q.json': 'match: { methods: [GET], path: /c }, request: { query: q.json }',
    'r.json': 'match: { methods: [GET], path: /c }, response: { schema: r.json }',
  }[file];
  return service(`      - { name: c, ${needs} }`);
}

/** The files of one of them, with some schemas changed. */
export function filesOf(
  text: string,
  changed: Readonly<Record<string, unknown>> = {},
): PolicySource {
  const named = Object.entries({ ...schemaFiles, ...changed });
  const schemas = named.map(([name, document]) => [name, { text: JSON.stringify(document) }]);
  return {
    file: 'policy.yaml',
    text,
    schemas: { ...Object.fromEntries(schemas), 'r.xsd': { text: xsd }, 'ca.crl': { text: crl } },
  };
}

/** Each in normal form. */
export const policies: readonly Policy[] = policyTexts.map((text) => requirePolicy(filesOf(text)));
