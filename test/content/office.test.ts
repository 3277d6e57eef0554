/** Documents of Office and of OpenDocument are told from archives by their parts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import type { FileType } from '@sallyport/shared/content/file/type.ts';
import { type ZipEntry, zipOf } from './archives.ts';
import { png, raw } from './file-samples.ts';

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
