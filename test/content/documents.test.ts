/** Documents as real programs write them; how each was made is in documents/README.md. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import { fileTypes } from '@sallyport/shared/content/file/media.ts';
import type { FileType } from '@sallyport/shared/content/file/type.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';

const dir = join(import.meta.dirname, 'documents');
const inspect = (name: string, allowed: Iterable<FileType> = fileTypes) =>
  inspectFile(readFileSync(join(dir, name)), new Set(allowed));

const sound: Readonly<Record<string, FileType>> = {
  'plain.docx': 'docx',
  'plain.xlsx': 'xlsx',
  'plain.pptx': 'pptx',
  'plain.odt': 'odt',
  'plain.ods': 'ods',
  'plain.odp': 'odp',
  'plain.doc': 'ole',
  'plain.xls': 'ole',
  'plain.pdf': 'pdf',
  'packed.pdf': 'pdf',
  'linear.pdf': 'pdf',
  'openpyxl.xlsx': 'xlsx',
  'xlsxwriter.xlsx': 'xlsx',
};
for (const [name, type] of Object.entries(sound)) {
  test(`${name} passes as ${type}, where nothing else is allowed`, async () => {
    assert.equal((await inspect(name, [type])).type, type);
  });
}

const refused: Readonly<Record<string, ErrorCode>> = {
  'password.docx': 'FILE_ENCRYPTED',
  'password.xlsx': 'FILE_ENCRYPTED',
  'agile.xlsx': 'FILE_ENCRYPTED',
  'password.odt': 'FILE_ENCRYPTED',
  'password.ods': 'FILE_ENCRYPTED',
  'password.doc': 'FILE_ENCRYPTED',
  'password.xls': 'FILE_ENCRYPTED',
  'password.pdf': 'FILE_ENCRYPTED',
  'password-packed.pdf': 'FILE_ENCRYPTED',
  'macros.docm': 'FILE_ACTIVE',
  'macros.xlsm': 'FILE_ACTIVE',
  'macros.odt': 'FILE_ACTIVE',
  'macros.ods': 'FILE_ACTIVE',
  'object.docx': 'FILE_ACTIVE',
  'object.odt': 'FILE_ACTIVE',
  'script.pdf': 'FILE_ACTIVE',
  'script-packed.pdf': 'FILE_ACTIVE',
  'attached-packed.pdf': 'FILE_ACTIVE',
};
for (const [name, code] of Object.entries(refused)) {
  test(`${name} is refused: ${code}`, async () => {
    await assert.rejects(inspect(name), { code });
  });
}

test('each document is in a test', () => {
  const known = [...Object.keys(sound), ...Object.keys(refused), 'README.md'];
  assert.deepEqual(readdirSync(dir).sort(), known.sort());
});
