/** `files` of a route: its faults, its normal form, its way through the bundle and its refusal there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBundle, encodeBundle } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { diffPolicy, formatChange } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { policyWarnings } from '@sallyport/shared/policy/warnings.ts';

const file = { type: 'string', contentEncoding: 'base64' };
const objectOf = (properties: object) => ({ type: 'object', properties });
const schemas: Record<string, unknown> = {
  'one.json': objectOf({ name: { type: 'string' }, content: file }),
  'pdf.json': objectOf({ content: { ...file, contentMediaType: 'application/pdf' } }),
  'list.json': objectOf({ list: { type: 'array', items: objectOf({ 'the file': file }) } }),
  'rows.json': { type: 'array', items: objectOf({ content: file }) },
  'none.json': objectOf({ name: { type: 'string' } }),
  'body.json': file,
  'query.json': objectOf({ content: file }),
};

function check(request: string, response = '{}', more: Record<string, unknown> = {}) {
  const text = `services:
  - name: registry
    owner: civil-affairs
    level: general
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ] }
    routes:
      - name: put
        match: { methods: [POST], path: /documents }
        request: ${request}
        response: ${response}
`;
  const all = Object.entries({ ...schemas, ...more });
  const files = Object.fromEntries(all.map(([name, one]) => [name, { text: JSON.stringify(one) }]));
  return checkPolicy({ file: 'policy.yaml', text, schemas: files });
}

function policyOf(request: string, response?: string): Policy {
  const { policy, faults } = check(request, response);
  assert.deepEqual(faults, []);
  assert.ok(policy);
  return policy;
}

const rule = '{ field: $.content, types: [ pdf ] }';
const faulty: readonly (readonly [string, string, RegExp])[] = [
  [
    'a file without a rule',
    '{ body: one.json }',
    /files: expected a rule for the file in \$\.content/,
  ],
  [
    'a rule without a file',
    `{ body: none.json, files: [ ${rule} ] }`,
    /files\[0\]\.field: expected a field with contentEncoding/,
  ],
  ['a rule without a body', `{ files: [ ${rule} ] }`, /files\[0\]\.field: expected a field/],
  [
    'two rules for one file',
    `{ body: one.json, files: [ ${rule}, ${rule} ] }`,
    /no other rule names/,
  ],
  [
    'no path',
    '{ body: one.json, files: [ { field: content, types: [ pdf ] } ] }',
    /field: expected/,
  ],
  ['no types', '{ body: one.json, files: [ { field: $.content } ] }', /types: expected the types/],
  ['no type', '{ body: one.json, files: [ { field: $.content, types: [] } ] }', /types/],
  [
    'an unknown type',
    '{ body: one.json, files: [ { field: $.content, types: [ exe ] } ] }',
    /types/,
  ],
  [
    'another type than the schema says',
    '{ body: pdf.json, files: [ { field: $.content, types: [ pdf, png ] } ] }',
    /types: expected pdf alone/,
  ],
  [
    'rules for archives where none may be',
    '{ body: one.json, files: [ { field: $.content, types: [ pdf ], archives: {} } ] }',
    /archives: expected a type beside it/,
  ],
  [
    'more bytes than a call takes',
    '{ body: one.json, files: [ { field: $.content, types: [ pdf ], bytesMax: 9000000 } ] }',
    /bytesMax/,
  ],
  [
    'a word for scan that is none',
    '{ body: one.json, files: [ { field: $.content, types: [ pdf ], scan: maybe } ] }',
    /scan/,
  ],
  ['a file in the query', '{ query: query.json }', /query: expected no file in "content"/],
  [
    'a file in a cell',
    "{ body: rows.json, content: { format: csv }, files: [ { field: '$[*].content', types: [ pdf ] } ] }",
    /format: expected no file in a cell/,
  ],
  [
    'a file in a form',
    `{ body: one.json, content: { format: form }, files: [ ${rule} ] }`,
    /format: expected no file in "content"/,
  ],
  [
    'a body of files that is an object',
    `{ body: one.json, content: { format: file }, files: [ ${rule} ] }`,
    /format: expected type string with contentEncoding/,
  ],
];
for (const [what, request, fault] of faulty) {
  test(`${what} is a fault`, () => {
    const { faults } = check(request);
    assert.ok(
      faults.some(({ path, message }) => fault.test(`${path}: ${message}`)),
      JSON.stringify(faults),
    );
  });
}

const oddSchemas: readonly (readonly [string, object, RegExp])[] = [
  ['another encoding', { ...file, contentEncoding: 'base32' }, /expected base64/],
  ['another type', { type: 'integer', contentEncoding: 'base64' }, /expected type string/],
  ['several types', { ...file, type: ['string', 'integer'] }, /expected type string/],
  ['a pattern beside it', { ...file, pattern: '^a' }, /no "pattern"/],
  [
    'a media type alone',
    { type: 'string', contentMediaType: 'text/plain' },
    /"contentEncoding" beside/,
  ],
  [
    'a media type that is none',
    { ...file, contentMediaType: 'image/x' },
    /media type of a file type/,
  ],
];
for (const [what, content, fault] of oddSchemas) {
  test(`a file with ${what} is a fault of its schema`, () => {
    const { faults } = check(`{ body: odd.json, files: [ ${rule} ] }`, '{}', {
      'odd.json': objectOf({ content }),
    });
    assert.ok(
      faults.some(({ message }) => fault.test(message)),
      JSON.stringify(faults),
    );
  });
}

test('the normal form says all that holds, and only where it means something', () => {
  const policy = policyOf(
    '{ body: list.json, files: [ { field: "$.list[*][\'the file\']", types: [ zip, pdf, pdf ] } ] }',
    '{ schema: pdf.json, files: [ { field: $.content, bytesMax: 1000, scan: "off" } ] }',
  );
  const [route] = policy.services[0]?.routes ?? [];
  assert.deepEqual(route?.request.files, [
    {
      field: "$.list[*]['the file']",
      types: ['pdf', 'zip'],
      bytesMax: 5 * 1024 * 1024,
      archives: { depthMax: 3, entriesMax: 1000, unpackedBytesMax: 64 * 1024 * 1024 },
      scan: 'required',
    },
  ]);
  assert.deepEqual(route?.response.files, [
    { field: '$.content', types: ['pdf'], bytesMax: 1000, scan: 'off' },
  ]);
  const bundle = { policy, version: 1, issuer: 'inner-1', issuedAtMs: 1 };
  assert.deepEqual(decodeBundle(encodeBundle(bundle)).policy, policy);
});

test('a diff shows what a rule says now', () => {
  const before = policyOf(`{ body: one.json, files: [ ${rule} ] }`);
  const after = policyOf(
    '{ body: one.json, files: [ { field: $.content, types: [ pdf, png ], scan: "off" } ] }',
  );
  const lines = diffPolicy(before, after).map(formatChange);
  assert.ok(
    lines.some((line) => /files/.test(line) && /off/.test(line)),
    lines.join('\n'),
  );
  assert.deepEqual(diffPolicy(before, before), []);
});

/** A bundle whose signer did not check it. */
const bent = (change: (route: Record<string, never>) => void): Policy => {
  const policy = structuredClone(policyOf(`{ body: one.json, files: [ ${rule} ] }`));
  change(policy.services[0]?.routes[0]?.request as unknown as Record<string, never>);
  return policy;
};
const unsound: readonly (readonly [string, (request: Record<string, never>) => void])[] = [
  ['a file without a rule', (request) => Reflect.deleteProperty(request, 'files')],
  [
    'a rule for another field',
    (request) => {
      for (const one of request.files as unknown as { field: string }[]) one.field = '$.name';
    },
  ],
  [
    'a file in the query',
    (request) => void Reflect.set(request, 'query', objectOf({ content: file })),
  ],
];
for (const [what, change] of unsound) {
  test(`a bundle with ${what} is not obeyed: POLICY_INVALID`, () => {
    assert.throws(() => compilePolicy(bent(change)), { code: 'POLICY_INVALID' });
  });
}

test('that a file goes to no scanner is a warning that nobody overlooks', () => {
  const policy = policyOf(
    `{ body: one.json, files: [ ${rule} ] }`,
    '{ schema: pdf.json, files: [ { field: $.content, scan: "off" } ] }',
  );
  const told = policyWarnings(policy, 1).filter(({ kind }) => kind === 'unscanned');
  assert.deepEqual(told, [
    {
      kind: 'unscanned',
      part: 'services/registry/put',
      message: 'UNSCANNED the file in $.content goes to no scanner',
    },
  ]);
});
