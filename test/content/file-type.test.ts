/** A file is of the type that all its bytes say, or of none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type FileType, fileTypeOf } from '@sallyport/shared/content/file/type.ts';
import { tarOf, zipOf } from './archives.ts';
import { compoundFileOf } from './compound-file.ts';
import { end, every, gif, inspect, jpeg, pdf, png, raw, zipped } from './file-samples.ts';

const types: readonly (readonly [FileType, Buffer])[] = [
  ['pdf', pdf('<< >>')],
  ['zip', zipOf([{ name: 'a.txt', content: 'a' }])],
  ['ole', compoundFileOf({ Contents: Buffer.alloc(0) })],
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
  ['text', Buffer.from('ID;PLZ;Ort\n1;80331;München\n2;C;x\n')],
  ['text', Buffer.from('Identities\nC;X1;Y1;K1\n')],
  ['text', Buffer.from('TABLE\n0 rows\n')],
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

const noType: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['unknown bytes', raw('\x00\x01\x02')],
  ['text with controls', raw('a\x1b[31m')],
  ['bad UTF-8', raw('caf\xe9')],
  ['a picture with a zip behind it', Buffer.concat([raw(png), zipped])],
  ['a PDF with a zip behind it', Buffer.concat([pdf(''), zipped])],
  ['a program with a zip behind it', Buffer.concat([raw('MZ....'), zipped])],
  ['RTF', Buffer.from('{\\rt1 {\\object\\objocx}}')],
  [
    'SYLK with a macro',
    Buffer.from('ID;P\nO;E\nNN;NAuto_open;ER101C1;KOut;F\nC;X1;Y101;EHALT()\nE\n'),
  ],
  ['SYLK that asks another program', Buffer.from('ID;P\r\nC;X1;Y1;K0;Ecmd|"/C calc"!A1\r\nE\r\n')],
  ['SYLK in small letters, by a Mac', Buffer.from('\ufeffid\r c;x1;y1;k1\re')],
  ['SYLK whose cells come late', Buffer.from(`ID;PWXL\n${'F;P0\n'.repeat(2000)}C;X1;Y1;K1\n`)],
  ['SYLK that refers to a file', Buffer.from('ID;P\nNE;E[\\\\host\\a]b;Fc\n')],
  ['DIF', Buffer.from('TABLE\r\n0,1\r\n"EXCEL"\r\nDATA\r\n0,0\r\n""\r\n')],
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

test('an archive that begins with something else is of another type', async () => {
  const bytes = zipOf([{ name: 'a', content: 'a' }], 'MZ..');
  await assert.rejects(inspect(bytes), { code: 'FILE_TYPE_REFUSED' });
});
