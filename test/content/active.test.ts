/** What acts or fetches when it is opened does not pass; what shows and links does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaTypeOf } from '@sallyport/shared/content/file/media.ts';
import { type ZipEntry, zipOf } from './archives.ts';
import { flate, inspect, objects, pdf } from './file-samples.ts';

const content = 'hello';
const office = { name: '[Content_Types].xml', content: '<Types/>' };
const typed = (type: string): ZipEntry => ({
  ...{ name: '[Content_Types].xml', content: `<Types><Override ContentType="${type}"/></Types>` },
});
const packed = (text: string): string =>
  `<< /Type /ObjStm /Filter /FlateDecode >> stream\n${flate(text)}\nendstream`;
const script = '<< /S /JavaScript >>';
const external =
  '<Relationship Type="x/attachedTemplate" Target="http://10.0.0.1/" TargetMode="External"/>';

const live: readonly (readonly [string, Buffer])[] = [
  ['a document with VBA', zipOf([office, { name: 'word/vbaProject.bin', content }])],
  [
    'a workbook with XLM macros under another name',
    zipOf([
      typed('application/vnd.ms-excel.macrosheet+xml'),
      { name: 'xl/a.xml', content: '<a/>' },
    ]),
  ],
  [
    'a binary workbook',
    zipOf([
      typed('application/vnd.ms-excel.sheet.binary.macroEnabled.main'),
      { name: 'xl/workbook.bin', content },
    ]),
  ],
  ['a workbook with XLM macros', zipOf([office, { name: 'xl/macrosheets/sheet1.xml', content }])],
  [
    'a document of a macro type',
    zipOf([{ ...office, content: '<a ContentType="x.macroEnabled.main"/>' }]),
  ],
  [
    'a document with an embedded object',
    zipOf([office, { name: 'word/embeddings/o.bin', content }]),
  ],
  ['a document with ActiveX', zipOf([office, { name: 'word/activeX/a.xml', content }])],
  [
    'a document with a template elsewhere',
    zipOf([office, { name: 'word/_rels/s.rels', content: external }]),
  ],
  [
    'a document with a template elsewhere, in capitals',
    zipOf([office, { name: 'word/_rels/s.RELS', content: external }]),
  ],
  [
    'a document with a template elsewhere behind a sign',
    zipOf([office, { name: 'a.rels', content: external.replace(' Type', ' Id="a>b" Type') }]),
  ],
  [
    'a document with a template elsewhere, spelt by numbers',
    zipOf([office, { name: 'a.rels', content: external.replace('External', '&#69;xternal') }]),
  ],
  [
    'a document with a template elsewhere that speaks of a link',
    zipOf([office, { name: 'a.rels', content: external.replace('10.0.0.1', "Type='/hyperlink'") }]),
  ],
  [
    'a document whose relationships cannot be read',
    zipOf([office, { name: 'a.rels', content: '<a><b></a>' }]),
  ],
  ...[
    '<x:ddeLink ddeService="cmd" ddeTopic="/c calc"/>',
    '<connection><dbPr connection="Provider=MSDASQL;DSN=a" command="b"/></connection>',
    '<x:webPr url="http://10.0.0.1/"/>',
    '<w:instrText>DD</w:instrText><w:instrText a="b">EAUTO c:\\\\cmd.exe</w:instrText>',
    '<w:instrText>&#68;DE a</w:instrText>',
    "<w:fldSimple w:instr = 'INCLUDETEXT &quot;\\\\10.0.0.1\\a&quot;'/>",
    '<w:instrText>INCLUDEPICTURE "http://10.0.0.1/a.png"</w:instrText>',
  ].map((part): [string, Buffer] => [
    `a document that has ${part}`,
    zipOf([office, { name: 'word/document.xml', content: `<d>${part}</d>` }]),
  ]),
  [
    'a document of a macro type, spelt by numbers',
    zipOf([{ ...office, content: '<a ContentType="x.macroEnable&#100;.main"/>' }]),
  ],
  [
    'an OpenDocument with Basic',
    zipOf([
      { name: 'mimetype', content },
      { name: 'Basic/s.xml', content },
    ]),
  ],
  ...[
    '<s:event-listener xlink:href="vnd.sun.star.script:a.py$b?language=Python&amp;location=share"/>',
    '<s:event-listener s:macro-name="a"/>',
    '<o:scripts><o:script language="JavaScript">a</o:script></o:scripts>',
    '<draw:image x:href = "http://10.0.0.1/a.png"/>',
    "<draw:image a='>' x:href='&#104;ttp://10.0.0.1/a.png'/>",
    '<!-- <a x=" --><text:section-source x:href="file:///etc/passwd"/>',
    '<draw:object x:href="../a.odt"/>',
    '<draw:object x:href="./a/../../a.odt"/>',
    '<draw:image x:href="\\\\10.0.0.1\\a"/>',
    '<text:a x:href="vnd.sun.star.script:a"/>',
    '<office:dde-source office:dde-application="a"/>',
    '<!DOCTYPE a><a/>',
  ].map((part): [string, Buffer] => [
    `an OpenDocument that has ${part}`,
    zipOf([
      { name: 'mimetype', content: mediaTypeOf('odt') },
      { name: 'content.xml', content: `<d>${part}</d>` },
    ]),
  ]),
  ['a PDF with a script', pdf('<< /S /JavaScript /JS (app.alert(1)) >>')],
  ['a PDF with a script, written in hexadecimal', pdf('<< /S /J#61vaScript >>')],
  ['a PDF with a script in a packed object', pdf(packed('<< /S /JavaScript >>'))],
  [
    'a PDF with a script behind the word for an object',
    objects('/Type /ObjStm /Filter /FlateDecode /X (obj)', flate(script)),
  ],
  [
    'a PDF with a script behind the words for a stream',
    objects('/X (stream ) /Type /ObjStm /Y (endstream) /Filter /FlateDecode', flate(script)),
  ],
  [
    'a PDF with a script in a packed object that has no type',
    objects('/N 1 /First 4 /Filter [ /FlateDecode ]', flate(script)),
  ],
  ['a PDF that starts a program', pdf('<< /S /Launch >>')],
  ['a PDF with a file in it', pdf('<< /Type /EmbeddedFile >>')],
];
for (const [name, bytes] of live) {
  test(`${name} is refused as active`, async () => {
    await assert.rejects(inspect(bytes), { code: 'FILE_ACTIVE' });
  });
}

test('an OpenDocument that shows its own pictures, and links, passes', async () => {
  const parts = [
    `<text:p>it's href="http://a" </text:p><o:scripts/><draw:image x:href="Pictures/a b.png"/>`,
    '<draw:object x:href="./Object 1"/><f:form x:href=""/><p:event-listener x:href="#Slide 2"/>',
    '<text:a x:href="https://a.example/?b=c&amp;d#e">a</text:a><text:a x:href="mailto:a@b.example"/>',
  ];
  const document = zipOf([
    { name: 'mimetype', content: mediaTypeOf('odt') },
    { name: 'content.xml', content: `<d>${parts.join('')}</d>` },
    { name: 'meta.xml', content: '<m:template x:href="../../a.ott"/>' },
  ]);
  assert.equal((await inspect(document)).type, 'odt');
});

test('a document that only links and shows passes', async () => {
  const link = external.replace('attachedTemplate', 'hyperlink');
  const body = '<w:instrText> PAGE &quot;added &quot;</w:instrText><w:t>DDE &#8364;</w:t>';
  const word = zipOf([
    office,
    { name: 'word/_rels/s.rels', content: link },
    { name: 'word/document.xml', content: `<d>${body}</d>` },
  ]);
  assert.deepEqual((await inspect(word)).inside, { xml: 3 });
  assert.equal((await inspect(pdf(packed('<< /Type /Page >>')))).type, 'pdf');
  const signed = objects(
    '/Filter /Adobe.PPKLite >> << /Type /ObjStm /Filter /FlateDecode',
    flate('1'),
  );
  assert.equal((await inspect(signed)).type, 'pdf');
  assert.equal(
    (await inspect(objects('/First 5 0 R /N 7 0 R /Filter /DCTDecode', 'x'))).type,
    'pdf',
  );
});
