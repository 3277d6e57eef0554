/**
 * Documents that can do something, or that nobody can look into. What is looked for is wider than what
 * is harmful: a macro is not judged, it is refused.
 */
import { asksElsewhere } from './asking.ts';
import { mediaTypeOf } from './media.ts';
import { checkOldOffice } from './old-office.ts';
import { actsOrReaches } from './open-document.ts';
import { checkPdf } from './pdf.ts';
import { active, encrypted } from './refusals.ts';
import { reachesOut } from './relationships.ts';
import type { FileType } from './type.ts';
import type { Unpacked } from './unpacked.ts';

/** Errors: FILE_ENCRYPTED, FILE_ACTIVE. */
export function checkDocument(type: FileType, bytes: Buffer): void {
  if (type === 'pdf') checkPdf(bytes);
  if (type === 'ole') checkOldOffice(bytes);
}

/**
 * The parts of a zip as a document of Office (OOXML) or OpenDocument, where it is one. Errors:
 * FILE_ENCRYPTED, FILE_ACTIVE.
 */
export function checkParts(parts: readonly Unpacked[]): void {
  const find = (name: string): string | undefined =>
    parts.find((part) => part.name.toLowerCase() === name)?.bytes.toString('utf8');
  const types = find('[content_types].xml');
  const manifest = find('meta-inf/manifest.xml');
  if (manifest?.includes('encryption-data')) throw encrypted();
  const isOpen = manifest !== undefined || find('mimetype') !== undefined;
  if (types === undefined && !isOpen) return;
  if (types !== undefined && activeType.test(types)) throw active();
  for (const { name, bytes } of parts) {
    if (activePart.test(name)) throw active();
    if (/\.rels$/i.test(name) && reachesOut(bytes)) throw active();
    if (types !== undefined && /\.xml$/i.test(name) && asksElsewhere(bytes)) throw active();
    if (isOpen && openPart.test(name) && actsOrReaches(bytes)) throw active();
  }
}

/** With a reference to a character a type could be written so that it is not found. */
const activeType = /macroEnabled|macrosheet|vbaProject|activeX|&#/i;

/** What each kind of document has and no other: a part of Office, a media type of OpenDocument. */
const mainParts: Readonly<Record<string, FileType>> = {
  'word/document.xml': 'docx',
  'xl/workbook.xml': 'xlsx',
  'ppt/presentation.xml': 'pptx',
};
const openDocuments: ReadonlyMap<string, FileType> = new Map(
  (['odt', 'ods', 'odp'] as const).map((type) => [mediaTypeOf(type), type]),
);

/** Types that the parts of a document may have. */
export const partTypes: ReadonlySet<FileType> = new Set([
  'xml',
  'text',
  'png',
  'jpeg',
  'gif',
  'tiff',
]);

/** Which office document the parts of a zip are; `zip` where they are none or two at once. */
export function documentTypeOf(parts: readonly Unpacked[]): FileType {
  const types: FileType[] = [];
  const names = new Set(parts.map(({ name }) => name));
  if (names.has('[Content_Types].xml')) {
    types.push(
      ...Object.entries(mainParts).flatMap(([name, type]) => (names.has(name) ? [type] : [])),
    );
  }
  const [first] = parts;
  if (first?.name === 'mimetype') {
    const type = openDocuments.get(first.bytes.toString('latin1'));
    if (type !== undefined) types.push(type);
  }
  return types.length === 1 ? (types[0] ?? 'zip') : 'zip';
}

/** What an OpenDocument shows; what is said about it may name the template that it was made from. */
const openPart = /(?:^|\/)(?:content|styles|settings)\.xml$/i;

/** Macros of VBA and of XLM, ActiveX, embedded programs, scripts of OpenDocument. */
const activePart = new RegExp(
  `(?:^|/)(?:${[
    'vbaProject[^/]*\\.bin',
    'vbaData\\.xml',
    '(?:macro|dialog)sheets/',
    'activeX/',
    'embeddings/',
    'Basic/',
    'Scripts/',
    'Object ',
  ].join('|')})`,
  'i',
);
