/** Headers that belong to one connection and never travel on (RFC 9110 §7.6.1), lower-case. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Removes what a Connection header names besides the usual two words. */
export function dropNominated(headers: Record<string, string>, connection: string): void {
  const value = connection.toLowerCase();
  if (value === 'keep-alive' || value === 'close') return;
  for (const name of value.split(',')) delete headers[name.trim()];
}
