/** The one content type of this version. */
export const jsonType = 'application/json';

/**
 * True for application/json, where a charset is absent or UTF-8. Any other parameter is refused.
 */
export function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(contentType ?? '');
}
