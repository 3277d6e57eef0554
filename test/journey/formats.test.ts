/** Bodies in other formats: JSON is all that crosses, and each side speaks as its route says. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { callHead, type Rig, startRig } from './rig.ts';

const policy = `
services:
  - name: registry
    owner: civil-affairs
    level: general
    upstream: { targets: [ { url: http://127.0.0.1:9100 } ] }
    routes:
      - name: exchange
        match: { methods: [POST], path: /xml }
        idempotent: true
        request: { body: person.json, content: { format: xml, xml: { root: person, xsd: person.xsd } } }
        response:
          schema: people.json
          content: { format: csv }
          masks: [ { field: '$[*].name', transform: surname } ]
      - name: form
        match: { methods: [POST], path: /form }
        idempotent: true
        request: { body: person.json, content: { format: form, text: { form: normalise } } }
        response: { schema: people.json, content: { format: ndjson } }
      - name: codes
        match: { methods: [POST], path: /codes }
        request: { query: code-query.json, body: codes.json }
        response: { schema: people.json }
consumers:
  - { name: tax-bureau, credentials: [ { type: key } ] }
grants:
  - consumer: tax-bureau
    routes: [ registry/exchange, registry/form, registry/codes ]
    fields: [ '$[*].name', '$[*].note' ]
`;
const person = {
  type: 'object',
  required: ['name'],
  properties: { age: { type: 'integer' }, name: { type: 'string' }, note: { type: 'string' } },
};
const xsd = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="person">
  <xs:complexType><xs:sequence><xs:element name="name" type="xs:string"/>
  <xs:element name="age" type="xs:int" minOccurs="0"/></xs:sequence></xs:complexType>
  </xs:element></xs:schema>`;

/** Some thousand ways in which one value can be taken apart, and the runtime tries them all. */
const code = { type: 'string', maxLength: 126, pattern: '^\\w*\\w*1\\w*2$' };
const value = `1${'a'.repeat(120)}2`;

let rig: Rig;
let key: string;
let answer: { contentType?: string; body: unknown };
const calls: { contentType?: string; body: Buffer }[] = [];

before(async () => {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'policy.yaml'), policy);
  writeFileSync(join(dir, 'person.json'), JSON.stringify(person));
  writeFileSync(join(dir, 'codes.json'), JSON.stringify({ type: 'array', items: code }));
  const query = { type: 'object', properties: { code: { type: 'array', items: code } } };
  writeFileSync(join(dir, 'code-query.json'), JSON.stringify(query));
  writeFileSync(join(dir, 'people.json'), JSON.stringify({ type: 'array', items: person }));
  writeFileSync(join(dir, 'person.xsd'), xsd);
  rig = await startRig({
    seed: 4,
    async upstream(call) {
      calls.push(call);
      return { status: 200, ...answer };
    },
  });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy(dir);
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: unknown }).policy !== null;
  });
});
after(() => rig.close());

const send = (path: string, type: string, body: string) => {
  const call = callHead(key, 'POST', path, { headers: { 'content-type': type } });
  return rig.outer.edge.request('call', call, Buffer.from(body));
};

test('XML reaches its service as XML, CSV comes back masked and without formulas', async () => {
  answer = {
    contentType: 'text/csv',
    body: Buffer.from('age,name,note\n41,张三,=1+1\n,欧阳娜娜,\n'),
  };
  const { head, body } = await send(
    '/xml',
    'text/xml',
    '<person><name>a</name><age>7</age></person>',
  );
  const sent = calls.at(-1);
  assert.equal(sent?.contentType, 'application/xml; charset=utf-8');
  assert.match(String(sent?.body), /\?>\n<person><name>a<\/name><age>7<\/age><\/person>\n$/);
  assert.deepEqual(head, { status: 200, headers: {}, contentType: 'text/csv; charset=utf-8' });
  assert.equal(String(body), "name,note\r\n张*,'=1+1\r\n欧阳**,\r\n");
});

test('a form reaches its service composed, NDJSON comes back', async () => {
  answer = { contentType: 'application/x-ndjson', body: Buffer.from('{"name":"b","age":1}\n') };
  const type = 'application/x-www-form-urlencoded';
  const { head, body } = await send('/form', type, 'name=cafe%CC%81&age=7');
  assert.equal(String(calls.at(-1)?.body), 'age=7&name=caf%C3%A9');
  assert.equal((head as { contentType: string }).contentType, 'application/x-ndjson');
  assert.equal(String(body), '{"name":"b"}\n');
});

const refused: readonly (readonly [string, string, string, string, string])[] = [
  ['another type', '/xml', 'application/json', '{"name":"a"}', 'CONTENT_TYPE_REFUSED'],
  ['a DTD', '/xml', 'text/xml', '<!DOCTYPE person><person/>', 'XML_REFUSED'],
  ['XML that breaks the XSD', '/xml', 'text/xml', '<person><age>7</age></person>', 'XML_REFUSED'],
  [
    'XML that breaks the schema',
    '/xml',
    'text/xml',
    '<person><name/><age>x</age></person>',
    'XML_REFUSED',
  ],
  [
    'hidden characters',
    '/xml',
    'text/xml',
    '<person><name>a&#x200b;</name></person>',
    'TEXT_REFUSED',
  ],
  ['a field twice', '/form', 'application/x-www-form-urlencoded', 'name=a&name=b', 'FORM_REFUSED'],
  [
    'another field',
    '/form',
    'application/x-www-form-urlencoded',
    'name=a&n%D0%B0me=b',
    'SCHEMA_REFUSED',
  ],
];
for (const [name, path, type, body, code] of refused) {
  test(`a request with ${name} is refused before it crosses`, async () => {
    const before = calls.length;
    await assert.rejects(send(path, type, body), { code });
    assert.equal(calls.length, before);
  });
}

test('a request whose patterns cost too much is refused and recorded, and others are served', async () => {
  const post = (values: number, inQuery = 0) => {
    const head = callHead(key, 'POST', '/codes', {
      headers: { 'content-type': 'application/json' },
      query: Array(inQuery).fill(['code', value]),
    });
    return rig.outer.edge.request(
      'call',
      head,
      Buffer.from(JSON.stringify(Array(values).fill(value))),
    );
  };
  const recorded = async (): Promise<number> =>
    (await rig.outer.events()).filter(
      ({ event, code, flow }) =>
        event === 'refuse' && code === 'REQUEST_TOO_LARGE' && flow === 'registry/codes',
    ).length;
  answer = { contentType: 'application/json', body: [] };
  const before = calls.length;
  await assert.rejects(post(1_000), { code: 'REQUEST_TOO_LARGE' });
  await assert.rejects(post(1, 64), { code: 'REQUEST_TOO_LARGE' });
  await until(async () => (await recorded()) === 2);
  assert.equal(calls.length, before);
  const { head } = await post(10, 2);
  assert.equal((head as { status: number }).status, 200);
  assert.equal(calls.length, before + 1);
});

const answers: readonly (readonly [string, { contentType?: string; body: unknown }])[] = [
  ['another type', { contentType: 'application/json', body: [{ name: 'a' }] }],
  ['broken CSV', { contentType: 'text/csv', body: Buffer.from('name\n"a') }],
  ['hidden characters', { contentType: 'text/csv', body: Buffer.from('name,note\na,\u202eb\n') }],
];
for (const [name, given] of answers) {
  test(`an answer with ${name} is refused before it crosses`, async () => {
    answer = given;
    const sent = send('/xml', 'text/xml', '<person><name>a</name></person>');
    await assert.rejects(sent, { code: 'RESPONSE_REFUSED' });
  });
}
