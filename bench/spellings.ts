/** The same document as other services write it. */
import type { Json } from '@sallyport/shared/content/json.ts';

export const spellings: Readonly<Record<string, (text: string) => string>> = {
  'all beyond ASCII as escapes, spaced': (text) =>
    JSON.stringify(JSON.parse(text), null, 1)
      .replace(/\n */g, ' ')
      .replace(/[\u0080-\uffff]/g, escapeOf),
  indented: (text) => JSON.stringify(JSON.parse(text), null, 2),
  'members in an order of chance': (text) =>
    JSON.stringify(shuffled(JSON.parse(text), { last: 1 })),
  'letters of names as escapes': (text) => text.replaceAll('"name":', '"\\u006eame":'),
  'refused for its last record': (text) => {
    const at = text.lastIndexOf('"birthDate":"') + 13;
    return text.slice(0, at) + text.slice(at).replace('-', '/');
  },
};

function escapeOf(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Another order for each object, the same for the same seed (Lehmer). */
function shuffled(value: Json, seed: { last: number }): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => shuffled(item, seed));
  const members = Object.entries(value).map(([name, item]) => {
    seed.last = (seed.last * 48_271) % 0x7fff_ffff;
    return { at: seed.last, name, item: shuffled(item, seed) };
  });
  return Object.fromEntries(
    members.sort((a, b) => a.at - b.at).map(({ name, item }) => [name, item]),
  );
}
