import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import { fileTypes, mediaTypeOf } from '@sallyport/shared/content/file/media.ts';
import { type FileType, fileTypeOf } from '@sallyport/shared/content/file/type.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { tarOf, type ZipEntry, zipOf } from './archives.ts';
import { compoundFileOf } from './compound-file.ts';

const every = new Set(fileTypes);
const inspect = (bytes: Buffer, allowed = every) => inspectFile(bytes, allowed);
const raw = (text: string): Buffer => Buffer.from(text, 'latin1');

const end = '\0\0\0\0IEND\xae\x42\x60\x82';
const png = `\x89PNG\r\n\x1a\n\0\0\0\x04tEXtabcdcrc.${end}`;
const jpeg = '\xff\xd8\xff\xe0\0\x06....\xff\xff\xda\0\x04..code\xff\0\xff\xd0code\xff\xd9';
const gif = (inside: string): string =>
  `GIF89a\x01\0\x01\0\x80\0\0rgbRGB!\xf9\x04....\0${inside},\0\0\0\0\x01\0\x01\0\x80rgbRGB\x02\x02;;\x01;\0;`;
const pdf = (inside: string): Buffer => raw(`%PDF-1.7\n1 0 obj ${inside} endobj\n%%EOF\n`);
const ole = compoundFileOf({ Contents: Buffer.alloc(0) });

const types: readonly (readonly [FileType, Buffer])[] = [
  ['pdf', pdf('<< >>')],
  ['zip', zipOf([{ name: 'a.txt', content: 'a' }])],
  ['ole', ole],
  ['gzip', gzipSync('a')],
  ['tar', tarOf([{ name: 'a.txt', content: 'a' }])],
  ['png', raw(png)],
  ['jpeg', raw(jpeg)],
  ['jpeg', raw(`${jpeg}\0\0`)],
  ['jpeg', raw(`${jpeg}${jpeg}`)],
  ['gif', raw(gif(''))],
  ['tiff', raw('II*\0....')],
  ['elf', raw('\x7fELF....')],
  ['pe', raw('MZ....')],
  ['script', Buffer.from('#!/bin/sh\n')],
  ['html', Buffer.from('\n<html><body>')],
  ['xml', Buffer.from('<?xml version="1.0"?><a/>')],
  ['text', Buffer.from('张三,1\r\n')],
  ['text', Buffer.from('From: a\nto: b\n\nMIME-Version: is written in messages\n')],
  ['xml', Buffer.from('<a:document xmlns:a="urn:a" a:type="mimetype">a&#46;</a:document>')],
];
for (const [type, bytes] of types) {
  test(`${type} is known by its bytes, and refused where it is not allowed`, async () => {
    assert.equal(fileTypeOf(bytes), type);
    assert.equal((await inspect(bytes)).type, type);
    const others = new Set([...every].filter((one) => one !== type));
    await assert.rejects(inspect(bytes, others), { code: 'FILE_TYPE_REFUSED' });
  });
}

const zipped = zipOf([{ name: 'a.txt', content: 'a' }]);
const noType: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['unknown bytes', raw('\x00\x01\x02')],
  ['text with controls', raw('a\x1b[31m')],
  ['bad UTF-8', raw('caf\xe9')],
  ['a picture with a zip behind it', Buffer.concat([raw(png), zipped])],
  ['a PDF with a zip behind it', Buffer.concat([pdf(''), zipped])],
  ['a program with a zip behind it', Buffer.concat([raw('MZ....'), zipped])],
  ['RTF', Buffer.from('{\\rt1 {\\object\\objocx}}')],
  ['PostScript', Buffer.from('%!PS-Adobe-3.0\n')],
  ['a message', Buffer.from('From: a\r\nX-A: b\r\n c\r\nMIME-Version: 1.0\r\n\r\n')],
  [
    'a document of Word 2003',
    Buffer.from('<?xml version="1.0"?><?mso-application progid="a"?><a/>'),
  ],
  [
    'a package in one file',
    Buffer.from('<p:package xmlns:p="http://schemas.microsoft.com/office/2006/xmlPackage"/>'),
  ],
  [
    'an OpenDocument in one file',
    Buffer.from('<?xml version="1.0"?><o:document xmlns:o="urn:a" o:mimetype="a"/>'),
  ],
  ['XML whose namespace is spelt by numbers', Buffer.from('<a xmlns="http://schemas&#46;a"/>')],
  ['a PDF behind other bytes', raw(gif(`!\xfe\x09%PDF-1.7\n\0`))],
  ['a PDF behind text', Buffer.concat([Buffer.from('see:\n'), pdf('')])],
  ['a PDF in a tar header', Buffer.concat([raw('%PDF-1.7'), tarOf([{ name: 'x' }]).subarray(8)])],
  ['a picture with a script in it', raw(gif('!\xfe\x19<script>alert(1)</script>\0'))],
  ...[png, jpeg, gif('')].flatMap((picture): [string, Buffer][] => [
    [`${picture.slice(0, 4)} that goes on after its end`, raw(`${picture}more`)],
    [
      `${picture.slice(0, 4)} with a file behind it`,
      raw(`${picture}Rar!\x1a\x07${picture.slice(-12)}`),
    ],
    [`${picture.slice(0, 4)} that is cut`, raw(picture.slice(0, -1))],
  ]),
  [
    'a picture that says it has more than it has',
    raw(`\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT${end}`),
  ],
  ['a PDF that goes on after its end', Buffer.concat([pdf(''), Buffer.from('more')])],
];
for (const [name, bytes] of noType) {
  test(`${name} is of no type`, async () => {
    await assert.rejects(inspect(bytes), { code: 'FILE_TYPE_REFUSED' });
  });
}

const content = 'hello';
const one = (entry: Partial<ZipEntry>): Buffer => zipOf([{ name: 'a.txt', content, ...entry }]);
const many = Array.from({ length: limits.archiveEntriesMax + 1 }, (_, at) => ({
  name: `${at}`,
  content,
}));
const zeros = Buffer.alloc(4 * 1024 * 1024);
const nested = (depth: number): Buffer =>
  depth === 0 ? Buffer.from('a') : zipOf([{ name: 'inner', content: nested(depth - 1) }]);
const names = [
  '../a',
  '/a',
  'a/../b',
  'a//b',
  './a',
  'C:a',
  'a\\b',
  'con',
  'aux.txt',
  'a.',
  'a ',
  'a\u202egpj',
  'cafe\u0301',
  'a\u0000b',
  'x'.repeat(256),
];

const archives: readonly (readonly [string, Buffer, string])[] = [
  ['too many entries', zipOf(many), 'entries'],
  ['too many entries in a tar', tarOf(many), 'entries'],
  ['a bomb', one({ content: zeros }), 'ratio'],
  ['a bomb in gzip', gzipSync(zeros), 'ratio'],
  ['a size that lies', one({ size: 1 }), 'damaged'],
  ['archives too deep in each other', nested(limits.archiveDepthMax + 1), 'depth'],
  ['a link', one({ mode: 0o120777 }), 'link'],
  ['a device', one({ mode: 0o020666 }), 'link'],
  ['a link in a tar', tarOf([{ name: 'a', kind: '2' }]), 'link'],
  ['a hard link in a tar', tarOf([{ name: 'a', kind: '1' }]), 'link'],
  ['a pax extension in a tar', tarOf([{ name: 'a', kind: 'x' }]), 'link'],
  [
    'a name twice',
    zipOf([
      { name: 'a', content },
      { name: 'a', content },
    ]),
    'duplicate',
  ],
  [
    'a name twice but for its case',
    zipOf([
      { name: 'a', content },
      { name: 'A', content },
    ]),
    'duplicate',
  ],
  ['a name twice in a tar', tarOf([{ name: 'a' }, { name: 'a' }]), 'duplicate'],
  ['another name in its own header', one({ localName: 'b.txt' }), 'headers'],
  [
    'entries inside each other',
    zipOf([
      { name: 'a', content },
      { name: 'a', content, overlaps: true },
    ]),
    'headers',
  ],
  [
    'an entry that its directory does not have',
    zipOf([
      { name: 'a', content },
      { name: 'b', content, hidden: 'unlisted' },
    ]),
    'headers',
  ],
  [
    'an entry that its end does not count',
    zipOf([
      { name: 'a', content },
      { name: 'b', content, hidden: 'uncounted' },
    ]),
    'headers',
  ],
  ['another size in its own header', one({ localPacked: 1 }), 'headers'],
  [
    'bytes between directory and end',
    Buffer.concat([zipped.subarray(0, -22), Buffer.from('PK'), zipped.subarray(-22)]),
    'headers',
  ],
  ['bytes behind a gzip', Buffer.concat([gzipSync('hello'), Buffer.alloc(1), zipped]), 'damaged'],
  ['a folder with content', one({ name: 'a/' }), 'headers'],
  ['a wrong checksum in a tar', tarOf([{ name: 'a' }]).fill('b', 0, 1), 'headers'],
  ['bytes behind a tar', Buffer.concat([tarOf([{ name: 'a' }]), Buffer.from('x')]), 'damaged'],
  ['a tar without end', tarOf([{ name: 'a' }]).subarray(0, 512), 'damaged'],
  ['a zip that is cut', one({}).subarray(0, 60), 'damaged'],
  ['a gzip that is cut', gzipSync('hello').subarray(0, 15), 'damaged'],
  ...names
    .filter((name) => !/[\0\\]/.test(name))
    .map(
      (name) =>
        [
          `the name ${JSON.stringify(name.slice(0, 9))}`,
          zipOf([{ name, content }]),
          '(?:name|damaged)',
        ] as const,
    ),
  ...names
    .filter((name) => name.length < 100 && !name.includes('\0'))
    .map(
      (name) => [`the name ${JSON.stringify(name)} in a tar`, tarOf([{ name }]), 'name'] as const,
    ),
];
for (const [name, bytes, rule] of archives) {
  test(`an archive with ${name} is refused`, async () => {
    await assert.rejects(inspect(bytes), {
      code: 'ARCHIVE_REFUSED',
      message: new RegExp(`break of ${rule}$`),
    });
  });
}

test('an archive that begins with something else is of another type', async () => {
  const bytes = zipOf([{ name: 'a', content }], 'MZ..');
  await assert.rejects(inspect(bytes), { code: 'FILE_TYPE_REFUSED' });
});

test('what is packed is looked at as what packs it, and what was found is counted', async () => {
  const bytes = gzipSync(
    tarOf([
      { name: 'a/', kind: '5' },
      { name: 'a/1.txt', content: 'a' },
      {
        name: 'a/2.zip',
        content: zipOf([
          { name: 'b.png', content: raw(png) },
          { name: 'empty', content: '' },
        ]),
      },
    ]),
  );
  const { parts, ...found } = await inspect(bytes);
  assert.deepEqual(parts.slice(1).map(String), ['a', String(parts[2]), String(raw(png))]);
  assert.deepEqual(found, {
    type: 'gzip',
    inside: { tar: 1, text: 1, zip: 1, png: 1 },
  });
  const noPictures = new Set([...every].filter((one) => one !== 'png'));
  await assert.rejects(inspect(bytes, noPictures), { code: 'FILE_TYPE_REFUSED' });
});

const office = { name: '[Content_Types].xml', content: '<Types/>' };
const typed = (type: string): ZipEntry => ({
  ...{ name: '[Content_Types].xml', content: `<Types><Override ContentType="${type}"/></Types>` },
});
const packed = (text: string): string =>
  `<< /Type /ObjStm /Filter /FlateDecode >> stream\n${deflateSync(text).toString('latin1')}\nendstream`;
const flate = (content: string | Buffer): string => deflateSync(content).toString('latin1');
const script = '<< /S /JavaScript >>';
const objects = (dictionary: string, content: string, word = 'stream\n'): Buffer =>
  pdf(`<< ${dictionary} >> ${word}${content}\nendstream`);
const external =
  '<Relationship Type="x/attachedTemplate" Target="http://10.0.0.1/" TargetMode="External"/>';

const closed: readonly (readonly [string, Buffer])[] = [
  ['a zip with a password', one({ encrypted: true })],
  ['a PDF with a password', pdf('<< /Encrypt 2 0 R >>')],
  ['a PDF with a password, written in hexadecimal', pdf('<< /#45ncrypt 2 0 R >>')],
  [
    'a PDF whose objects are packed in an unknown way',
    pdf('<< /Type /ObjStm /Filter /Crypt >> stream\nx'),
  ],
  [
    'a PDF whose packed objects are damaged',
    pdf('<< /Type /ObjStm /Filter /FlateDecode >> stream\nx'),
  ],
  [
    'a PDF whose objects are packed twice',
    objects('/Type /ObjStm /Filter [ /FlateDecode /FlateDecode ]', flate(deflateSync(script))),
  ],
  [
    'a PDF whose packed objects are filtered besides',
    objects('/Type /ObjStm /Filter /FlateDecode /DecodeParms << /Predictor 12 >>', flate(script)),
  ],
  [
    'a PDF whose packed objects begin in an odd way',
    objects('/Type /ObjStm /Filter /FlateDecode', flate(script), 'stream\r'),
  ],
  [
    'an OpenDocument with a password',
    zipOf([{ name: 'META-INF/manifest.xml', content: '<encryption-data/>' }]),
  ],
];
for (const [name, bytes] of closed) {
  test(`${name} is refused as encrypted`, async () => {
    await assert.rejects(inspect(bytes), { code: 'FILE_ENCRYPTED' });
  });
}

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

test('a file over the limit is refused before it is looked at', async () => {
  const bytes = Buffer.alloc(limits.fileBytesMax + 1);
  await assert.rejects(inspect(bytes), { code: 'FILE_TOO_LARGE' });
});

const part = (name: string, content: Buffer | string): ZipEntry => ({ name, content });
const types1 = part('[Content_Types].xml', '<?xml version="1.0"?><Types/>');
const officeOf = (main: string, ...more: ZipEntry[]): Buffer =>
  zipOf([types1, part(main, '<?xml version="1.0"?><a/>'), ...more]);
const openOf = (kind: string, ...more: ZipEntry[]): Buffer =>
  zipOf([
    part('mimetype', `application/vnd.oasis.opendocument.${kind}`),
    part('content.xml', '<?xml version="1.0"?><a/>'),
    ...more,
  ]);
const documents: readonly (readonly [FileType, Buffer])[] = [
  ['docx', officeOf('word/document.xml', part('word/media/image1.png', raw(png)))],
  ['xlsx', officeOf('xl/workbook.xml')],
  ['pptx', officeOf('ppt/presentation.xml')],
  ['odt', openOf('text')],
  ['ods', openOf('spreadsheet')],
  ['odp', openOf('presentation')],
];
for (const [type, bytes] of documents) {
  test(`${type} is known by its parts; who allows it allows no zip, and the other way round`, async () => {
    const found = await inspectFile(bytes, new Set([type]));
    assert.equal(found.type, type);
    assert.ok((found.inside.xml ?? 0) > 0, 'its parts need not be named');
    for (const other of documents.map(([one]) => one).concat('zip')) {
      if (other === type) continue;
      const allowed = new Set<FileType>([other, 'xml', 'text', 'png']);
      await assert.rejects(inspectFile(bytes, allowed), { code: 'FILE_TYPE_REFUSED' });
    }
  });
}

const oddDocuments: readonly (readonly [string, Buffer, string])[] = [
  ['a program in it', officeOf('word/document.xml', part('a.bin', 'MZ....')), 'FILE_TYPE_REFUSED'],
  [
    'an archive in it',
    officeOf('word/document.xml', part('a.zip', zipOf([part('b', 'b')]))),
    'FILE_TYPE_REFUSED',
  ],
  ['macros', officeOf('word/document.xml', part('word/vbaProject.bin', 'x')), 'FILE_ACTIVE'],
  [
    'two kinds at once',
    officeOf('word/document.xml', part('xl/workbook.xml', '<a/>')),
    'FILE_TYPE_REFUSED',
  ],
  [
    'its mimetype not first',
    zipOf([part('a', 'a'), part('mimetype', 'application/vnd.oasis.opendocument.text')]),
    'FILE_TYPE_REFUSED',
  ],
];
for (const [what, bytes, code] of oddDocuments) {
  test(`a document with ${what} is refused: ${code}`, async () => {
    const allowed = new Set<FileType>(['docx', 'odt']);
    await assert.rejects(inspectFile(bytes, allowed), { code });
  });
}

test('a PDF whose packed objects take too long to look into is refused', async () => {
  const streamOf = (content: Buffer) => {
    const packed = deflateSync(content);
    const head = `1 0 obj << /Type /ObjStm /Filter /FlateDecode /Length ${packed.length} >>`;
    return Buffer.concat([raw(`${head} stream\n`), packed, raw('\nendstream endobj\n')]);
  };
  const of = (streams: readonly Buffer[]) =>
    Buffer.concat([raw('%PDF-1.7\n'), ...streams, raw('%%EOF\n')]);
  const small = streamOf(Buffer.from('<< /Type /Page >>'));
  const many = (count: number) => of(Array.from({ length: count }, () => small));
  assert.equal((await inspect(many(20))).type, 'pdf');
  const failed = { code: 'FILE_ENCRYPTED' };
  await assert.rejects(inspect(many(limits.pdfObjectStreamsMax + 1)), failed);
  const half = streamOf(Buffer.alloc(limits.pdfObjectsBytesMax / 2 + 1, ' '));
  assert.equal((await inspect(of([half]))).type, 'pdf');
  await assert.rejects(inspect(of([half, half])), failed);
});

test('what a policy allows of size, depth, entries and bytes holds', async () => {
  const bounds = { bytesMax: 2000, depthMax: 1, entriesMax: 2, unpackedBytesMax: 1000 };
  const files = (count: number, bytes: number): Buffer =>
    zipOf(Array.from({ length: count }, (_, at) => part(`${at}`, Buffer.alloc(bytes, 'a'))));
  const look = (bytes: Buffer) => inspectFile(bytes, every, bounds);
  assert.equal((await look(files(2, 500))).type, 'zip');
  await assert.rejects(look(files(3, 1)), { code: 'ARCHIVE_REFUSED', message: /of entries$/ });
  await assert.rejects(look(files(2, 501)), { code: 'ARCHIVE_REFUSED', message: /of bytes$/ });
  const nestedZip = zipOf([part('a.zip', files(1, 1))]);
  await assert.rejects(look(nestedZip), { code: 'ARCHIVE_REFUSED', message: /of depth$/ });
  await assert.rejects(look(Buffer.alloc(2001, 'a')), { code: 'FILE_TOO_LARGE' });
});

test('without a word of the policy no more than 256 MiB are unpacked', async () => {
  // Just within the ratio, and refused by what it says before it is unpacked.
  const packed = randomBytes(Math.ceil(limits.unpackedBytesMax / limits.archiveRatioMax));
  const bytes = zipOf([{ name: 'a', content: packed, size: limits.unpackedBytesMax + 1 }]);
  await assert.rejects(inspect(bytes), { code: 'ARCHIVE_REFUSED', message: /of bytes$/ });
});

test('a large file is gone through a few times and no more', async () => {
  // Once for each word would be minutes.
  const words = pdf(`<< >> ${'stream\n'.repeat(500_000)}`);
  assert.equal((await inspect(words)).type, 'pdf');
});
