/** The smallest files of each type, and how they are looked at. */
import { deflateSync } from 'node:zlib';
import { inspectFile } from '@sallyport/shared/content/file/inspect.ts';
import { fileTypes } from '@sallyport/shared/content/file/media.ts';
import { zipOf } from './archives.ts';

export const every = new Set(fileTypes);
export const inspect = (bytes: Buffer, allowed = every) => inspectFile(bytes, allowed);
export const raw = (text: string): Buffer => Buffer.from(text, 'latin1');

export const end = '\0\0\0\0IEND\xae\x42\x60\x82';
export const png = `\x89PNG\r\n\x1a\n\0\0\0\x04tEXtabcdcrc.${end}`;
export const jpeg = '\xff\xd8\xff\xe0\0\x06....\xff\xff\xda\0\x04..code\xff\0\xff\xd0code\xff\xd9';
export const gif = (inside: string): string =>
  `GIF89a\x01\0\x01\0\x80\0\0rgbRGB!\xf9\x04....\0${inside},\0\0\0\0\x01\0\x01\0\x80rgbRGB\x02\x02;;\x01;\0;`;
export const pdf = (inside: string): Buffer => raw(`%PDF-1.7\n1 0 obj ${inside} endobj\n%%EOF\n`);

export const zipped = zipOf([{ name: 'a.txt', content: 'a' }]);
export const flate = (content: string | Buffer): string => deflateSync(content).toString('latin1');
export const objects = (dictionary: string, content: string, word = 'stream\n'): Buffer =>
  pdf(`<< ${dictionary} >> ${word}${content}\nendstream`);
