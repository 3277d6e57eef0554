/** What people and the policy authority write: policies, schemas, OpenAPI documents, credentials. */
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
import { policyOf, policyText, schemaDocuments, sourceOf } from '../policy/fixture.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes, mutateTree } from './mutate.ts';

/** Fixed, as all samples are: a random one would make another case of the same seed. */
const credentials = {
  hashKey: Buffer.alloc(32, 1).toString('base64url'),
  keys: [
    {
      id: '0123456789ab',
      type: 'key' as const,
      consumer: 'tax-bureau',
      prefix: 'sp_0123456789ab',
      lastFour: 'wxyz',
      hash: Buffer.alloc(32, 2).toString('base64url'),
      createdAtMs: 1_700_000_000_000,
      expiresAtMs: 1_800_000_000_000,
    },
  ],
};
const policy = { ...policyOf(), credentials };
const bundle = encodeBundle({
  policy,
  version: 3,
  issuer: 'inner-1',
  issuedAtMs: 1_700_000_000_000,
});
const bundleTree: unknown = JSON.parse(Buffer.from(bundle).toString());

/** As the outer node does with what was signed: decoded, then compiled. */
function takeBundle(bytes: Uint8Array): void {
  const read = decodeBundle(bytes);
  compilePolicy(read.policy, read.version);
}

fuzz('policy bundle bytes', {
  oneIn: 2,
  codes: ['POLICY_INVALID'],
  attempt: (random) => takeBundle(mutateBytes(random, [Buffer.from(bundle)])),
});

fuzz('policy bundle documents', {
  oneIn: 2,
  codes: ['POLICY_INVALID'],
  attempt: (random) => {
    const tree = mutateTree(random, bundleTree);
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

/** Nothing may be thrown: every fault is told by its place. */
fuzz('policy text', {
  oneIn: 4,
  codes: [],
  attempt: (random) => {
    const text = mutateBytes(random, [Buffer.from(policyText)]).toString('utf8');
    const checked = checkPolicy({ ...sourceOf(), text });
    if (checked.policy !== undefined) publish(checked.policy);
  },
});

fuzz('policy schema files', {
  oneIn: 4,
  codes: [],
  attempt: (random) => {
    const file = random.pick(Object.keys(schemaDocuments));
    const changed = mutateTree(random, schemaDocuments[file]);
    const checked = checkPolicy(sourceOf([], { [file]: changed }));
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

const openApi = {
  openapi: '3.1.0',
  info: { title: 'people', version: '1' },
  paths: {
    '/people/{id}': {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      get: {
        operationId: 'getPerson',
        parameters: [{ $ref: '#/components/parameters/page' }],
        responses: { 200: { content: { 'application/json': { schema: ref('person') } } } },
      },
    },
    '/people': {
      post: {
        requestBody: { content: { 'application/json': { schema: ref('person') } } },
        responses: { '2XX': { $ref: '#/components/responses/made' } },
      },
    },
  },
  components: {
    parameters: { page: { name: 'page', in: 'query', schema: { type: 'integer' } } },
    responses: { made: { content: { 'application/json': { schema: ref('person') } } } },
    schemas: {
      person: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: ['string', 'null'], maxLength: 40, pattern: '^[a-z]+$' },
          kind: { enum: ['a', 'b'] },
          tags: { type: 'array', items: { type: 'string', format: 'date' } },
          parent: ref('person'),
          any: { allOf: [{ type: 'object', properties: { x: { type: 'number' } } }] },
        },
      },
    },
  },
};

function ref(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}

const service = { service: 'people', upstream: 'http://127.0.0.1:9100' };

fuzz('OpenAPI documents', {
  oneIn: 4,
  codes: ['POLICY_INVALID'],
  attempt: (random) => policyFromOpenApi(JSON.stringify(mutateTree(random, openApi)), service),
});

fuzz('OpenAPI text', {
  oneIn: 4,
  codes: ['POLICY_INVALID'],
  attempt: (random) => {
    const bytes = mutateBytes(random, [Buffer.from(JSON.stringify(openApi, null, 1))]);
    return policyFromOpenApi(bytes.toString('utf8'), service);
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
