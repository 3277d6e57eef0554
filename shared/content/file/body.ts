/** A body that is a file itself: in JSON it is one string in base64, at the edges its bytes. */
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { parseJson } from '../json.ts';
import type { Schema } from '../schema.ts';
import { anyBytes, mediaTypeOf } from './media.ts';
import type { FileType } from './type.ts';

/** The content type that is written: that of the only type allowed, or any bytes. */
export function writtenMedia(types: readonly FileType[]): string {
  const [only, ...others] = types;
  return only === undefined || others.length > 0 ? anyBytes : mediaTypeOf(only);
}

/** True for the content types of the allowed types, and for any bytes; parameters mean nothing here. */
export function acceptsMedia(types: readonly FileType[], contentType: string | undefined): boolean {
  const media = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase();
  return media === anyBytes || types.some((type) => mediaTypeOf(type) === media);
}

/** Errors: FILE_TOO_LARGE. */
export function readFileBody(body: Uint8Array): Buffer {
  if (body.length > limits.fileInCallBytesMax) {
    const most = limits.fileInCallBytesMax;
    throw new SallyportError(
      'FILE_TOO_LARGE',
      `expected a file of at most ${most} bytes, got ${body.length}`,
      { hint: 'send a smaller file' },
    );
  }
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('base64');
  return Buffer.from(JSON.stringify(text));
}

/** Checked JSON as the bytes of its file. */
export function writeFileBody(json: Uint8Array): Buffer {
  const text = parseJson(json, limits.messageBodyBytesMax, limits.fileTextBytesMax);
  return Buffer.from(typeof text === 'string' ? text : '', 'base64');
}

/** What is wrong with the schema of such a body, or undefined. */
export function fileBodyFault({ type, contentEncoding }: Schema): string | undefined {
  const fits = type === 'string' && contentEncoding !== undefined;
  return fits ? undefined : 'expected type string with contentEncoding, the file';
}
