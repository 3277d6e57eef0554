/** Plug-ins for tests, good and bad: each a text that a file can hold. */

/** A transform with a body of its own; `examples` that it passes. */
export function transformOf(body: string, more = ''): string {
  return `${more}
export default {
  kind: 'transform', name: 'under-test', version: '1.0.0',
  transform(value, options) { if (value === 'calm') return 'calm!'; ${body} },
  isMasked(value) { return String(value).endsWith('!') },
  examples: [{ value: 'calm', gives: 'calm!' }],
};`;
}

/** One that does what the value says: hang, eat memory, throw, give garbage. */
export const moody = transformOf(`
  const all = [];
  if (value === 'hang') for (;;);
  if (value === 'bomb') for (;;) all.push({ at: all.length });
  if (value === 'throw') throw new Error(value);
  if (value === 'garbage') return { not: 'a value' };
  return value + '!';`);
