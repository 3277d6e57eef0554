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
