/** What people and the policy authority write: policies, schemas, OpenAPI documents, credentials. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentialsFile, readCredentials } from '@sallyport/inner-node/policy/credentials.ts';
import { parseConfig } from '@sallyport/shared/config/config.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { canonicalJson } from '@sallyport/shared/package/jcs.ts';
import { decodeBundle, encodeBundle } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { policyFromOpenApi } from '@sallyport/shared/policy/openapi.ts';
import { readRevocationList } from '@sallyport/shared/x509/crl.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes, mutateTree } from './mutate.ts';
import { ca, crl, filesOf, policies, policyTexts, schemaFiles, textWith } from './policies.ts';

const credentials = {
  hashKey: Buffer.alloc(32, 1).toString('base64url'),
  keys: [
    {
      id: '0123456789ab',
      type: 'key' as const,
      consumer: 'd',
      prefix: 'sp_0123456789ab',
      lastFour: 'wxyz',
      hash: Buffer.alloc(32, 2).toString('base64url'),
      createdAtMs: 1_700_000_000_000,
      expiresAtMs: 1_800_000_000_000,
    },
  ],
};
const bundles = policies.map((policy) => {
  const hasKey = policy.consumers.some(({ name }) => name === 'd');
  const signed = hasKey ? { ...policy, credentials } : policy;
  const head = { version: 3, issuer: 'inner-1', issuedAtMs: 1_700_000_000_000 };
  return Buffer.from(encodeBundle({ policy: signed, ...head }));
});
const bundleTrees: readonly unknown[] = bundles.map((bytes) => JSON.parse(bytes.toString()));

/** As the outer node does with what was signed: decoded, then compiled. */
function takeBundle(bytes: Uint8Array): void {
  const read = decodeBundle(bytes);
  compilePolicy(read.policy, read.version);
}

fuzz('policy bundle bytes', {
  oneIn: 2,
  codes: ['POLICY_INVALID'],
  attempt: (random) => takeBundle(mutateBytes(random, bundles)),
});

fuzz('policy bundle documents', {
  oneIn: 2,
  codes: ['POLICY_INVALID'],
  attempt: (random) => {
    const tree = mutateTree(random, random.pick(bundleTrees));
    let text: string;
    try {
      text = canonicalJson(tree);
    } catch {
      // No bytes stand for it: a lone surrogate, say.
      return;
    }
    takeBundle(Buffer.from(text));
  },
});

const textBytes = policyTexts.map((text) => Buffer.from(text));

/** Nothing may be thrown: every fault is told by its place. */
fuzz('policy text', {
  oneIn: 4,
  codes: [],
  attempt: (random) => {
    const checked = checkPolicy(filesOf(mutateBytes(random, textBytes).toString('utf8')));
    if (checked.policy !== undefined) publish(checked.policy);
  },
});

fuzz('policy schema files', {
  oneIn: 4,
  codes: [],
  attempt: (random) => {
    const file = random.pick(Object.keys(schemaFiles));
    const changed = mutateTree(random, schemaFiles[file]);
    const checked = checkPolicy(filesOf(textWith(file), { [file]: changed }));
    if (checked.policy !== undefined) publish(checked.policy);
  },
});

/** What a person may write is a little more than what a bundle may hold, such as a time before 1970. */
function publish(checked: Policy): void {
  try {
    takeBundle(encodeBundle({ policy: checked, version: 1, issuer: 'inner-1', issuedAtMs: 0 }));
  } catch (thrown) {
    if (!(thrown instanceof SallyportError) || thrown.code !== 'POLICY_INVALID') throw thrown;
  }
}

/** Small documents, which together use what is read of OpenAPI. */
const person = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: ['string', 'null'], maxLength: 40, pattern: '^[a-z]+$' },
    tags: { type: 'array', items: { type: 'string', format: 'date' } },
  },
};
const answer = (schema: unknown) => ({ content: { 'application/json': { schema } } });
const reference = { $ref: '#/components/schemas/person' };
const openApis: readonly unknown[] = [
  {
    openapi: '3.1.0',
    paths: {
      '/people/{id}': {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        get: { operationId: 'getPerson', responses: { 200: answer(person) } },
      },
    },
  },
  {
    openapi: '3.0.3',
    paths: {
      '/people': {
        post: {
          requestBody: answer(reference),
          responses: { '2XX': { $ref: '#/components/responses/made' } },
        },
      },
    },
    components: { responses: { made: answer(reference) }, schemas: { person } },
  },
  {
    openapi: '3.1.0',
    paths: {
      '/p': {
        get: {
          parameters: [{ $ref: '#/components/parameters/page' }],
          responses: { 200: answer(reference) },
        },
      },
    },
    components: {
      parameters: { page: { name: 'page', in: 'query', schema: { type: 'integer' } } },
      schemas: {
        person: {
          type: 'object',
          properties: {
            kind: { enum: ['a', 'b'] },
            parent: reference,
            any: { allOf: [{ type: 'object', properties: { x: { type: 'number' } } }] },
          },
        },
      },
    },
  },
];

const openApiTexts = openApis.map((document) => Buffer.from(JSON.stringify(document, null, 1)));
const service = { service: 'people', upstream: 'http://127.0.0.1:9100' };

fuzz('OpenAPI documents', {
  oneIn: 4,
  codes: ['POLICY_INVALID'],
  attempt: (random) =>
    policyFromOpenApi(JSON.stringify(mutateTree(random, random.pick(openApis))), service),
});

fuzz('OpenAPI text', {
  oneIn: 4,
  codes: ['POLICY_INVALID'],
  attempt: (random) => {
    const bytes = mutateBytes(random, openApiTexts);
    return policyFromOpenApi(bytes.toString('utf8'), service);
  },
});

const list = Buffer.from(crl.replace(/-----[^-]+-----|\s/g, ''), 'base64');

fuzz('revocation lists', {
  codes: [],
  attempt: (random) => {
    const bytes = mutateBytes(random, [list]);
    const pem = `-----BEGIN X509 CRL-----\n${bytes.toString('base64')}\n-----END X509 CRL-----`;
    const read = readRevocationList(pem, ca);
    assert.ok(read === undefined || bytes.equals(list), 'a revocation list was forged');
  },
});

const home = temporaryFolder();
mkdirSync(join(home, 'policy'));

fuzz('credentials file', {
  oneIn: 4,
  codes: ['POLICY_INVALID'],
  attempt: async (random) => {
    const tree = Buffer.from(JSON.stringify(mutateTree(random, credentials)));
    const bytes = random.below(2) === 0 ? tree : mutateBytes(random, [tree]);
    writeFileSync(credentialsFile(home), bytes);
    await readCredentials(home);
  },
});

const configText = `role: inner
node: inner-1
management: { host: 127.0.0.1, port: 9600 }
hsm: { kind: soft, file: keys/soft.keystore, pinFile: keys/pin }
channel:
  send: { kind: link, host: 127.0.0.1, port: 9701 }
  receive: { kind: directory, dir: in }
`;

fuzz('configuration', {
  oneIn: 4,
  codes: ['CONFIG_INVALID'],
  attempt: (random) => {
    const text = mutateBytes(random, [Buffer.from(configText)]).toString('utf8');
    return parseConfig(text, 'config.yaml');
  },
});
