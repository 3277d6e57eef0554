/** Media types of the file types (IANA); one that is not here can only be sent as any bytes. */
import type { FileType } from './type.ts';

/** What a body is called that is a file of any type. */
export const anyBytes = 'application/octet-stream';

const office = 'application/vnd.openxmlformats-officedocument';
const openDocument = 'application/vnd.oasis.opendocument';

const medias: Readonly<Record<FileType, string>> = {
  pdf: 'application/pdf',
  zip: 'application/zip',
  docx: `${office}.wordprocessingml.document`,
  xlsx: `${office}.spreadsheetml.sheet`,
  pptx: `${office}.presentationml.presentation`,
  odt: `${openDocument}.text`,
  ods: `${openDocument}.spreadsheet`,
  odp: `${openDocument}.presentation`,
  ole: 'application/x-ole-storage',
  gzip: 'application/gzip',
  tar: 'application/x-tar',
  png: 'image/png',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  tiff: 'image/tiff',
  elf: 'application/x-elf',
  pe: 'application/vnd.microsoft.portable-executable',
  script: 'text/x-shellscript',
  html: 'text/html',
  xml: 'application/xml',
  text: 'text/plain',
};

/** Every type that a file can be of. */
export const fileTypes = Object.keys(medias) as readonly FileType[];

export function mediaTypeOf(type: FileType): string {
  return medias[type];
}

/** The file type of a media type without parameters; undefined where there is none. */
export function fileTypeOfMedia(media: unknown): FileType | undefined {
  return fileTypes.find((type) => medias[type] === media);
}
