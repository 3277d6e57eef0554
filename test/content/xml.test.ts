import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@sallyport/shared/content/json.ts';
import { readSchema, type Schema } from '@sallyport/shared/content/schema.ts';
import { formatXml, parseXml, xmlFault } from '@sallyport/shared/content/xml/xml.ts';
import { compileXsd } from '@sallyport/shared/content/xml/xsd.ts';
import { limits } from '@sallyport/shared/limits.ts';
import fc from 'fast-check';

const schema = schemaOf({
  type: 'object',
  required: ['phone'],
  properties: {
    '@id': { type: 'integer' },
    active: { type: 'boolean' },
    name: { type: 'string' },
    note: {
      type: 'object',
      properties: { '@lang': { type: 'string' }, '#text': { type: 'string' } },
    },
    phone: { type: 'array', items: { type: 'string' } },
    score: { type: ['number', 'null'] },
  },
});
const rule = { root: 'person' };
const spaced = { root: 'person', namespace: 'urn:people' };

function schemaOf(document: unknown): Schema {
  const { schema, faults } = readSchema(document);
  assert.deepEqual(faults, []);
  assert.ok(schema);
  return schema;
}

const read = (text: string, by = rule): Json => parseXml(Buffer.from(text), by, schema);

test('elements, attributes, lists and text become members by the schema', () => {
  const text = `<?xml version="1.0" encoding="utf-8"?><!-- from a registry -->
    <person id="7"><phone>1</phone><name>张 &amp; <![CDATA[<三>]]></name><phone>2</phone>
    <note lang="zh">好&#33;</note><active>true</active><score/></person>`;
  assert.deepEqual(read(text), {
    '@id': 7,
    phone: ['1', '2'],
    name: '张 & <三>',
    note: { '@lang': 'zh', '#text': '好!' },
    active: true,
    score: null,
  });
  assert.deepEqual(read('<person/>'), { phone: [] });
});

test('prefixes mean nothing, namespaces all', () => {
  const prefixed = '<p:person xmlns:p="urn:people"><p:name>a</p:name></p:person>';
  assert.deepEqual(read(prefixed, spaced), { name: 'a', phone: [] });
  for (const other of [
    '<person/>',
    '<person xmlns="urn:other"/>',
    '<p:person xmlns:p="urn:people"><name/></p:person>',
  ]) {
    assert.throws(() => read(other, spaced), { code: 'XML_REFUSED', message: /namespace/ });
  }
});

test('what is written is read back as the same', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '<', '&', '"', "'", ']]>', '\r', '\n', '\t', ' ', '张', '😀'),
  });
  const person = fc.record(
    {
      '@id': fc.integer(),
      active: fc.boolean(),
      name: text,
      note: fc.record({ '#text': text, '@lang': text }, { noNullPrototype: true }),
      phone: fc.array(text),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(person, (value) => {
      assert.deepEqual(read(formatXml(value, spaced, true), spaced), value);
    }),
    { seed: 1, numRuns: 300 },
  );
});

const nested = '<a>'.repeat(limits.xmlDepthMax + 1);
const attributes = Array.from({ length: limits.xmlAttributesMax + 1 }, (_, at) => `a${at}="1"`);
const hostile: readonly (readonly [string, string | Buffer, string])[] = [
  [
    'an external entity',
    '<!DOCTYPE person [<!ENTITY x SYSTEM "file:///etc/passwd">]><person>&x;</person>',
    'dtd',
  ],
  ['an external DTD', '<!DOCTYPE person SYSTEM "http://10.0.0.1/x.dtd"><person/>', 'dtd'],
  [
    'a parameter entity',
    '<!DOCTYPE person [<!ENTITY % x SYSTEM "http://10.0.0.1/"> %x;]><person/>',
    'dtd',
  ],
  [
    'a billion laughs',
    '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><person>&b;</person>',
    'dtd',
  ],
  ['an entity without DTD', '<person><name>&nbsp;</name></person>', 'entity'],
  ['an entity in an attribute', '<person id="&x;"/>', 'entity'],
  ['a stylesheet', '<?xml-stylesheet href="x.xsl"?><person/>', 'instruction'],
  ['an instruction inside', '<person><?php x ?></person>', 'instruction'],
  ['another encoding', '<?xml version="1.0" encoding="ISO-8859-1"?><person/>', 'encoding'],
  ['XML 1.1', '<?xml version="1.1"?><person/>', 'encoding'],
  ['UTF-16', Buffer.from('\ufeff<person/>', 'utf16le'), 'utf-8'],
  [
    'a hint of another schema',
    '<person xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="u http://10.0.0.1/"/>',
    'namespace',
  ],
  ['an attribute of a namespace', '<person xmlns:p="u" p:id="1"/>', 'namespace'],
  [
    'XInclude',
    '<person xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd"/></person>',
    'namespace',
  ],
  ['too great a depth', nested, 'depth'],
  ['too many elements', `<person>${'<a/>'.repeat(limits.xmlElementsMax)}</person>`, 'elements'],
  ['too many attributes', `<person ${attributes.join(' ')}/>`, 'attributes'],
  [
    'too long a text',
    `<person><name>${'a'.repeat(limits.xmlTextBytesMax + 1)}</name></person>`,
    'text-length',
  ],
  ['too many bytes', ' '.repeat(limits.xmlBytesMax + 1), 'size'],
  ['another root', '<people/>', 'root'],
  ['an element twice that is no list', '<person><name>a</name><name>b</name></person>', 'repeated'],
  ['text among elements', '<person>a<name>b</name></person>', 'mixed'],
  ['elements in a plain one', '<person><name>a<b/></name></person>', 'mixed'],
  ['an attribute on a plain element', '<person><name x="1">a</name></person>', 'attributes'],
  ['an element that does not end', '<person><name>', 'well-formed'],
  ['two roots', '<person/><person/>', 'well-formed'],
  ['a comment that does not end', '<person/><!-- ', 'well-formed'],
  ['an attribute twice', '<person id="1" id="2"/>', 'well-formed'],
  ['a tag that does not end', '<person id="1"', 'well-formed'],
  ['a control character', '<person><name>\u0001</name></person>', 'well-formed'],
  ['nothing', '', 'well-formed'],
];
for (const [name, text, broken] of hostile) {
  test(`XML with ${name} is refused`, () => {
    assert.throws(() => parseXml(Buffer.from(text), rule, schema), {
      code: 'XML_REFUSED',
      message: new RegExp(`break of ${broken}$`),
    });
  });
}

test('a member that the schema does not name is there by name alone', () => {
  assert.deepEqual(read('<person x="1"><y><z>secret</z></y><y/></person>'), {
    '@x': '',
    y: '',
    phone: [],
  });
});

test('no error holds a piece of the document', () => {
  for (const text of ['<person><sentinel></person>', '<sentinel/>', '<person>sentinel</person>']) {
    assert.throws(
      () => read(text),
      (error: Error) => !String(error.stack).includes('sentinel'),
    );
  }
});

test('a character that XML cannot hold is not written', () => {
  assert.throws(() => formatXml({ name: '\u0001', phone: [] }, rule, false), {
    code: 'XML_REFUSED',
  });
});

const xsd = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="person"><xs:complexType><xs:sequence>
    <xs:element name="score" type="xs:decimal" minOccurs="0"/>
    <xs:element name="phone" maxOccurs="2"><xs:simpleType><xs:restriction base="xs:string">
      <xs:pattern value="[0-9]+"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="name" type="xs:string"/>
  </xs:sequence></xs:complexType></xs:element></xs:schema>`;
const proven = { ...rule, xsd };

test('a document must fit the XSD of the route besides, and is written in its order', () => {
  const value = { name: 'a', phone: ['1', '2'], score: 1.5 };
  const text = formatXml(value, proven, true);
  assert.match(text, /<score>.*<phone>.*<phone>.*<name>/);
  assert.deepEqual(read(text, proven), value);
  const refused = { code: 'XML_REFUSED', message: /xsd/ };
  assert.throws(() => read('<person><phone>x</phone><name>a</name></person>', proven), refused);
  assert.throws(() => read('<person><name>a</name><phone>1</phone></person>', proven), refused);
  assert.throws(() => formatXml({ name: 'a', phone: ['x'] }, proven, true), refused);
  // What was masked need not fit any more.
  assert.match(formatXml({ name: 'a', phone: ['***'] }, proven, false), /\*\*\*/);
});

test('an XSD that needs another file, or is none, is refused', () => {
  const include = xsd.replace(
    '<xs:element name="person">',
    '<xs:include schemaLocation="x.xsd"/>$&',
  );
  for (const text of [include, '<a/>', 'x', xsd.replace('xs:decimal', 'xs:none')]) {
    assert.throws(() => compileXsd(text), { code: 'XML_REFUSED' });
  }
});

test('a schema that XML cannot say is a fault', () => {
  const matrix = { type: 'array', items: { type: 'array', items: { type: 'null' } } };
  const faulty: unknown[] = [
    { type: 'string' },
    { type: 'object', properties: { m: matrix } },
    { type: 'object', properties: { 'x y': { type: 'string' } } },
    { type: 'object', properties: { '@list': { type: 'array', items: { type: 'string' } } } },
    {
      type: 'object',
      properties: { a: { type: 'object', properties: { '1': { type: 'null' } } } },
    },
  ];
  for (const document of faulty) assert.ok(xmlFault(schemaOf(document)), JSON.stringify(document));
  assert.equal(xmlFault(schema), undefined);
});
