/** `content` of a route: its faults, its normal form, its way through the bundle, its lines in a diff. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBundle, encodeBundle } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { diffPolicy, formatChange } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';

const person = { type: 'object', properties: { name: { type: 'string' } } };
const element = '<xs:element name="person" type="xs:string"/>';
const xsd = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${element}</xs:schema>`;
const files: Record<string, string> = {
  'person.json': JSON.stringify(person),
  'people.json': JSON.stringify({ type: 'array', items: person }),
  'deep.json': JSON.stringify({ type: 'array', items: { type: 'array', items: person } }),
  'person.xsd': xsd,
  'long.xsd': xsd.replace('<xs:element', `<!--${'x'.repeat(600)}-->$&`),
  'include.xsd': xsd.replace('<xs:element', '<xs:include schemaLocation="a.xsd"/>$&'),
};

function check(request: string, response = '{}') {
  const text = `services:
  - name: registry
    owner: civil-affairs
    level: general
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ] }
    routes:
      - name: put
        match: { methods: [POST], path: /people }
        request: ${request}
        response: ${response}
`;
  const schemas = Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, { text: file }]),
  );
  return checkPolicy({ file: 'policy.yaml', text, schemas });
}

function policyOf(request: string, response?: string): Policy {
  const { policy, faults } = check(request, response);
  assert.deepEqual(faults, []);
  assert.ok(policy);
  return policy;
}

const faulty: readonly (readonly [string, string, RegExp])[] = [
  ['no schema', '{ content: { format: xml, xml: { root: a } } }', /content: expected a schema/],
  ['XML without root', '{ body: person.json, content: { format: xml } }', /expected xml:/],
  [
    'a root without XML',
    '{ body: person.json, content: { xml: { root: a } } }',
    /content.xml: expected format xml/,
  ],
  [
    'an unknown format',
    '{ body: person.json, content: { format: yaml } }',
    /content.format: expected/,
  ],
  ['an unknown key', '{ body: person.json, content: { charset: gbk } }', /unknown key "charset"/],
  [
    'CSV of an object',
    '{ body: person.json, content: { format: csv } }',
    /content.format: expected an array/,
  ],
  [
    'CSV of lists',
    '{ body: deep.json, content: { format: csv } }',
    /content.format: expected an array/,
  ],
  [
    'NDJSON of an object',
    '{ body: person.json, content: { format: ndjson } }',
    /content.format: expected type array/,
  ],
  [
    'a form of a list',
    '{ body: people.json, content: { format: form } }',
    /content.format: expected type object/,
  ],
  [
    'XML of a list',
    '{ body: people.json, content: { format: xml, xml: { root: a } } }',
    /content.format: expected type object/,
  ],
  [
    'no XSD file',
    '{ body: person.json, content: { format: xml, xml: { root: a, xsd: no.xsd } } }',
    /xml.xsd: expected an XML Schema file/,
  ],
  [
    'an XSD that is none',
    '{ body: person.json, content: { format: xml, xml: { root: a, xsd: person.json } } }',
    /xml.xsd: expected an XML Schema of/,
  ],
  [
    'an XSD that needs another',
    '{ body: person.json, content: { format: xml, xml: { root: a, xsd: include.xsd } } }',
    /xml.xsd: expected an XML Schema of/,
  ],
  [
    'a root that is no name',
    '{ body: person.json, content: { format: xml, xml: { root: "a b" } } }',
    /local name/,
  ],
];
for (const [name, request, expected] of faulty) {
  test(`content with ${name} is a fault`, () => {
    const { faults } = check(request);
    const lines = faults.map(({ path, message }) => `${path}: ${message}`);
    assert.ok(
      lines.some((line) => expected.test(line)),
      lines.join('\n'),
    );
  });
}

test('content that says what holds anyway is the same policy as none', () => {
  const said = '{ body: person.json, content: { format: json, text: { form: refuse } } }';
  assert.deepEqual(policyOf(said), policyOf('{ body: person.json }'));
});

const xml = '{ body: person.json, content: { format: xml, xml: { root: person, xsd: long.xsd } } }';
const csv = '{ schema: people.json, content: { format: csv, text: { hidden: allow } } }';

test('content goes through the bundle as it is, its XSD with it', () => {
  const policy = policyOf(xml, csv);
  const bundle = { policy, version: 1, issuer: 'inner-1', issuedAtMs: 0 };
  assert.deepEqual(decodeBundle(encodeBundle(bundle)).policy, policy);
  const route = policy.services[0]?.routes[0];
  assert.equal(route?.request.content?.xml?.xsd, files['long.xsd']);
});

test('a bundle whose content is none is refused', () => {
  const text = Buffer.from(
    encodeBundle({ policy: policyOf(xml), version: 1, issuer: 'inner-1', issuedAtMs: 0 }),
  );
  const broken = Buffer.from(text.toString().replace('"format":"xml"', '"format":"csv"'));
  assert.throws(() => decodeBundle(broken), { code: 'POLICY_INVALID' });
});

test('a diff shows what changes of the content, and of an XSD a fingerprint', () => {
  const lines = diffPolicy(policyOf('{ body: person.json }'), policyOf(xml, csv)).map(formatChange);
  assert.ok(
    lines.some((line) => line.includes('request.content.format + xml')),
    lines.join('\n'),
  );
  assert.ok(lines.some((line) => line.includes('response.content.text.hidden + allow')));
  assert.ok(lines.some((line) => /request\.content\.xml\.xsd \+ sha-256 [0-9a-f]{16}$/.test(line)));
  assert.deepEqual(diffPolicy(policyOf(xml, csv), policyOf(xml, csv)), []);
});
