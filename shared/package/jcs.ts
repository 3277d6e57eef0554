/**
 * JSON Canonicalization Scheme (RFC 8785) of a JSON value. ECMAScript's own number and string forms
 * and its order of strings by UTF-16 unit are what the RFC prescribes; only the members need
 * sorting. The value comes from us or from JSON.parse: depth is the caller's to bound.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members: string[] = [];
  const object = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(object).sort()) {
    const member = object[name];
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${canonicalJson(member)}`);
  }
  return `{${members.join(',')}}`;
}
