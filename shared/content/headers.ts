/** Headers of a call and of its answer: only those cross that the route names. */

/** The headers that a route names, and no other: nothing crosses because somebody sent it. */
export function named(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): Record<string, string> {
  const crossing: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) crossing[name] = value;
  }
  return crossing;
}

/** What the other node may have sent: nothing besides the headers that the route names. */
export function allNamed(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): boolean {
  for (const name in headers) if (!names.includes(name)) return false;
  return true;
}

/** W3C Trace Context, version 00. */
export const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
