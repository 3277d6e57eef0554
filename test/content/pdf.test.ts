/** PDFs that hide what they do from who looks at them, and show it to who opens them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';

const inspect = (bytes: Buffer) => inspectFile(bytes, new Set(['pdf']));
const raw = (text: string): Buffer => Buffer.from(text, 'latin1');
const flate = (content: string | Buffer): string => deflateSync(content).toString('latin1');
const pdf = (...parts: string[]): Buffer => raw(`%PDF-1.7\n${parts.join('\n')}\n%%EOF\n`);
const stream = (dictionary: string, content: string, before = '5 0 obj '): string =>
  `${before}<< ${dictionary} >> stream\n${content}\nendstream endobj`;

/** What a stream of one object holds: its number and place, and the object. */
const script = '7 0 << /S /JavaScript >>';
const plain = '7 0 << /Type /Page >>';
const indirect = '/N 8 0 R /First 9 0 R';
const typed = '/Type /ObjStm /N 1 /First 4';
const ascii85 = '[ /ASCII85Decode /FlateDecode ]';
const predictor = '/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 4 >>';

const hidden: readonly (readonly [string, Buffer, ErrorCode])[] = [
  [
    'a script in a stream without type, whose numbers stand elsewhere',
    pdf(stream(`${indirect} /Filter /FlateDecode /Length 10 0 R`, flate(script))),
    'FILE_ACTIVE',
  ],
  [
    'that behind a comment',
    pdf(stream(`${indirect} /Filter /FlateDecode`, flate(`% 1\n${script}`))),
    'FILE_ACTIVE',
  ],
  [
    'that behind more space than is looked at',
    pdf(stream(`${indirect} /Filter /FlateDecode`, flate(' '.repeat(9000) + script))),
    'FILE_ACTIVE',
  ],
  [
    'that, with numbers of another spelling',
    pdf(stream(`${indirect} /Filter /FlateDecode`, flate(`+7 .0 << /S /Launch >>`))),
    'FILE_ACTIVE',
  ],
  [
    'that in names of hexadecimal',
    pdf(stream('/#4e 8 0 R /F#69rst 9 0 R /Filter /FlateDecode', flate(script))),
    'FILE_ACTIVE',
  ],
  [
    'that, packed in another way besides',
    pdf(stream(`${indirect} /Filter ${ascii85}`, 'x')),
    'FILE_ENCRYPTED',
  ],
  [
    'that with a predictor',
    pdf(stream(`${indirect} ${predictor}`, flate(script))),
    'FILE_ENCRYPTED',
  ],
  [
    'that, and how it is packed stands elsewhere',
    pdf(stream(`${typed} /Filter 11 0 R`, flate(script))),
    'FILE_ENCRYPTED',
  ],
  [
    'that, damaged',
    pdf(stream(`${indirect} /Filter /FlateDecode`, flate(script).slice(4))),
    'FILE_ENCRYPTED',
  ],
  [
    'a script in the second revision',
    Buffer.concat([
      pdf(stream(`${typed} /Filter /FlateDecode`, flate(plain))),
      pdf(stream(`${typed} /Filter /FlateDecode`, flate(script)), 'trailer << /Prev 9 >>'),
    ]),
    'FILE_ACTIVE',
  ],
  [
    'a script in a revision that a later one replaces',
    Buffer.concat([pdf('5 0 obj << /S /JavaScript >> endobj'), pdf('5 0 obj << >> endobj')]),
    'FILE_ACTIVE',
  ],
  [
    'a script that only the stream of a hybrid table shows',
    pdf(
      stream('/Type /XRef /W [ 1 2 1 ] /Size 9 /Filter /FlateDecode', flate('\0\0\0\0')),
      stream(`${typed} /Filter /FlateDecode`, flate(script)),
      'xref\n0 1\n0000000000 65535 f \ntrailer << /Size 9 /XRefStm 9 >>',
    ),
    'FILE_ACTIVE',
  ],
  [
    'a password that only the dictionary of a stream of places names',
    pdf(
      stream(`${typed} /Filter /FlateDecode`, 'not even deflate'),
      stream('/Type /XRef /W [ 1 2 1 ] /Encrypt 4 0 R /Filter /FlateDecode', flate('\0')),
    ),
    'FILE_ENCRYPTED',
  ],
  [
    'a file of a type that is not named',
    pdf('4 0 obj << /F (a.exe) /EF << /F 5 0 R >> >> endobj', stream('/Length 2', 'MZ')),
    'FILE_ACTIVE',
  ],
  [
    'a file in an annotation, packed',
    pdf(stream(`${typed} /Filter /FlateDecode`, flate('7 0 << /Subtype /FileAttachment >>'))),
    'FILE_ACTIVE',
  ],
  [
    'a stream whose dictionary is cut by the words of another in a text',
    pdf(stream(`/N 8 0 R /X (>> stream\n) /First 9 0 R /Filter ${ascii85}`, 'x')),
    'FILE_ENCRYPTED',
  ],
  [
    'that, with an end in the text',
    pdf(
      stream('/Length 1', 'x'),
      stream(
        `/N 8 0 R /X (>> stream\nx\nendstream endobj 6 0 obj <<) /First 9 0 R /Filter ${ascii85}`,
        'x',
      ),
    ),
    'FILE_ENCRYPTED',
  ],
  [
    'that in a comment',
    pdf(stream(`/N 8 0 R %>> stream\n/First 9 0 R /Filter ${ascii85}`, 'x')),
    'FILE_ENCRYPTED',
  ],
  [
    'that, where a comment hides the begin of the text',
    pdf(
      stream('/Length 1', 'x\nendstream %'),
      stream(`/N 8 0 R /X (\n>> stream\n) /First 9 0 R /Filter ${ascii85}`, 'x'),
    ),
    'FILE_ENCRYPTED',
  ],
  [
    'a stream behind a comment',
    pdf(`5 0 obj << ${typed} /Filter ${ascii85} >>%\nstream\nx\nendstream endobj`),
    'FILE_ENCRYPTED',
  ],
  [
    'a stream behind one without end',
    pdf(
      '4 0 obj << >> stream\nx endobj',
      stream(`${typed} /X (endstream) /Filter /FlateDecode`, flate(script)),
    ),
    'FILE_ENCRYPTED',
  ],
  ...['/N%\n1 /First%\n4', '/N\x001 /First\x004', '/N +1 /First 4.'].map(
    (numbers): [string, Buffer, ErrorCode] => [
      `a script in a stream without type, numbers written ${JSON.stringify(numbers)}`,
      pdf(stream(`${numbers} /Filter /FlateDecode`, flate(script))),
      'FILE_ACTIVE',
    ],
  ),
  [
    'a script in a stream whose filter has the short name',
    pdf(stream(`${typed} /F /FlateDecode`, flate(script))),
    'FILE_ACTIVE',
  ],
  ['that, in another packing', pdf(stream(`${typed} /F [ /A85 /Fl ]`, 'x')), 'FILE_ENCRYPTED'],
  [
    'a script in a stream behind a long comment',
    pdf(`5 0 obj << ${typed} /F /Fl >>%${'c'.repeat(9000)}\nstream\nx\nendstream endobj`),
    'FILE_ENCRYPTED',
  ],
  [
    'a dictionary that goes on behind a stream in it',
    pdf(stream('/N 1 /A << >> stream\n\nendstream /First 4 /Filter /FlateDecode', flate(script))),
    'FILE_ENCRYPTED',
  ],
  [
    'that, in a list, looking like an object of its own',
    pdf(
      stream(
        '/N 1 /A [ endobj 6 0 obj << >> stream\n\nendstream endobj ] /First 4 /Filter /FlateDecode',
        flate(script),
      ),
    ),
    'FILE_ENCRYPTED',
  ],
  [
    'that, the list seemingly over',
    pdf(
      stream(
        '/N 1 /A [ >> endobj 6 0 obj << >> stream\n\nendstream ] /First 4 /Filter /FlateDecode',
        flate(script),
      ),
    ),
    'FILE_ENCRYPTED',
  ],
  [
    'a text that looks like a comment because of a string in hexadecimal',
    pdf(stream('/N 1 /A <%> /B (\n>> stream\n) /First 4 /Filter /FlateDecode', flate(script))),
    'FILE_ENCRYPTED',
  ],
  [
    'a stream in a comment as long as it is in no text',
    pdf(stream('/N 1 /A (>>%) >>stream\n endstream (\n) /First 4 /Filter /A85', 'x')),
    'FILE_ENCRYPTED',
  ],
];
for (const [what, bytes, code] of hidden) {
  test(`a PDF with ${what} is refused: ${code}`, async () => {
    await assert.rejects(inspect(bytes), { code });
  });
}

const sound: readonly (readonly [string, Buffer])[] = [
  [
    'packed objects whose numbers stand elsewhere',
    pdf(stream(`${indirect} /Filter /FlateDecode`, flate(plain))),
  ],
  [
    'an outline and appearances before a page, a picture and a profile',
    pdf(
      '1 0 obj << /First 2 0 R /Last 2 0 R /Count 1 >> endobj',
      '3 0 obj << /AP << /N 4 0 R >> >> endobj',
      stream('/Subtype /Image /Filter /DCTDecode', '\xff\xd8'),
      '6 0 obj << /First 2 0 R /AP << /N 4 0 R >> >> endobj',
      stream('/N 3 /Alternate /DeviceRGB /Filter /FlateDecode', flate('\0\0 /JS ')),
      stream('/Filter /FlateDecode', flate('1 0 0 1 72 720 cm /JS gs')),
    ),
  ],
  [
    'lists, dictionaries and strings in each other before a stream',
    pdf(
      '1 0 obj << /ID [ <AB> <cd>] /A << /B [ << /C <ab>>> (a \\) [ << \\\\) ] >> >>\nendobj',
      stream('/Length 2 /DecodeParms << /K <ab>>> /F 4', 'x >'),
      'xref\n0 1\n0000000000 65535 f \ntrailer << /Size 9 >>',
      stream('/Length 2', 'x'),
    ),
  ],
  [
    'words of its syntax in texts and metadata',
    pdf(
      '1 0 obj << /Title (A stream \\(part 1\\) of obj 50% endstream) >> endobj',
      stream('/Type /Metadata', '<x>a stream of >> data (</x>'),
      stream('/Filter /FlateDecode', flate('BT ET')),
    ),
  ],
];
for (const [what, bytes] of sound) {
  test(`a PDF with ${what} passes`, async () => {
    assert.equal((await inspect(bytes)).type, 'pdf');
  });
}

test('a PDF made to take long is gone through a few times and no more', async () => {
  const many = (part: string): Buffer => pdf(part.repeat(1_000_000 / part.length));
  for (const part of [
    'obj (',
    '>>%',
    '>> stream\n',
    '1 0 obj ',
    '(%)\\(',
    '/N 1 /First 2 ',
    '>>%\n%\n',
    '/N%',
    '[',
    '()<>',
  ]) {
    await inspect(many(part)).catch(({ code }) => assert.equal(code, 'FILE_ENCRYPTED', part));
  }
  const spaces = Buffer.alloc(limits.pdfObjectsBytesMax + 1, ' ');
  const bomb = pdf(stream(`${indirect} /Filter /FlateDecode`, flate(spaces)));
  await assert.rejects(inspect(bomb), { code: 'FILE_ENCRYPTED' });
});
