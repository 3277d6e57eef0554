/** A small policy that the tests of this folder change. */
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import type { PolicySource } from '@sallyport/shared/policy/source.ts';

export const policyText = `services:
  - name: citizen-registry
    owner: civil-affairs
    level: important
    upstream: { targets: [ { url: http://127.0.0.1:9100/ } ], timeoutMs: 5000 }
    routes:
      - name: get-citizen
        match: { methods: [GET], path: '/citizens/{id}' }
        request: { params: schemas/citizen-id.json }
        response:
          schema: schemas/citizen.json
          headers: [etag]
          masks:
            - { field: $.idNumber, transform: keep, first: 3, last: 4 }
            - { field: $.phone, transform: keep, first: 3, last: 4 }
            - { field: $.name, transform: surname }
            - { field: $.email, transform: email }
            - { field: $.secret, transform: drop }
      - name: list-citizens
        match: { methods: [GET], path: /citizens }
        request: { query: schemas/list-query.json }
        response:
          schema: schemas/citizens.json
          masks: [ { field: '$.items[*].name', transform: surname } ]
      - name: move
        match: { methods: [POST], path: '/citizens/{id}/moves' }
        timeoutMs: 6000
        deadlineMs: 60000
        idempotencyKey: true
        request:
          { params: schemas/citizen-id.json, body: schemas/address.json, headers: [x-purpose] }
        response: { statuses: [201, 204] }
consumers:
  - name: tax-bureau
    credentials: [ { type: key } ]
  - name: school-board
    credentials: [ { type: key } ]
grants:
  - consumer: tax-bureau
    routes: [ citizen-registry/get-citizen, citizen-registry/list-citizens ]
    fields: [ $.name, $.idNumber, $.phone, $.address.district, '$.items[*].name' ]
    until: 2027-06-30
  - consumer: tax-bureau
    routes: [ citizen-registry/move ]
  - consumer: school-board
    routes: [ citizen-registry/get-citizen ]
    fields: [ $ ]
`;

const citizen = {
  type: 'object',
  required: ['id', 'name', 'income'],
  properties: {
    id: { type: 'string', maxLength: 20 },
    name: { type: 'string', maxLength: 40 },
    idNumber: { type: 'string' },
    phone: { type: ['string', 'integer', 'null'] },
    email: { type: 'string' },
    income: { type: 'integer', minimum: 0 },
    secret: { type: 'string' },
    address: {
      type: ['object', 'null'],
      required: ['street'],
      properties: { district: { type: 'string' }, street: { type: 'string' } },
    },
  },
};

export const schemaDocuments: Readonly<Record<string, unknown>> = {
  'schemas/citizen.json': citizen,
  'schemas/citizens.json': {
    type: 'object',
    properties: { items: { type: 'array', items: { $ref: '#/$defs/c' }, maxItems: 100 } },
    $defs: { c: citizen },
  },
  'schemas/citizen-id.json': {
    type: 'object',
    properties: { id: { type: 'string', pattern: '^c-[0-9]{1,6}$' } },
    required: ['id'],
  },
  'schemas/list-query.json': {
    type: 'object',
    properties: {
      page: { type: 'integer', minimum: 1, maximum: 100 },
      active: { type: 'boolean' },
      district: { type: 'array', items: { type: 'string', maxLength: 10 }, maxItems: 2 },
    },
  },
  'schemas/address.json': {
    type: 'object',
    required: ['street'],
    properties: {
      street: { type: 'string', maxLength: 10 },
      since: { type: 'string', format: 'date' },
    },
  },
};

/** The fixture as files, with some text replaced and some schemas changed. */
export function sourceOf(
  replace: readonly (readonly [string, string])[] = [],
  schemas: Readonly<Record<string, unknown>> = {},
): PolicySource {
  const text = replace.reduce((all, [from, to]) => {
    if (!all.includes(from)) throw new Error(`the fixture holds no ${from}`);
    return all.replace(from, to);
  }, policyText);
  const documents = Object.entries({ ...schemaDocuments, ...schemas });
  return {
    file: 'policy.yaml',
    text,
    schemas: Object.fromEntries(
      documents.map(([name, document]) => [name, { text: JSON.stringify(document, null, 2) }]),
    ),
  };
}

/** The fixture as a policy. */
export function policyOf(
  replace: readonly (readonly [string, string])[] = [],
  schemas: Readonly<Record<string, unknown>> = {},
): Policy {
  const { policy, faults } = checkPolicy(sourceOf(replace, schemas));
  if (policy === undefined) throw new Error(JSON.stringify(faults, null, 1));
  return policy;
}
