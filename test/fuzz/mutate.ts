/**
 * Makes bad input out of good: seeded, so that every case can be made again.
 *
 *   corpus ▶ one sample ▶ 1 to 4 mutations of bytes (or of the tree it stands for) ▶ a decoder
 */

export interface Random {
  /** A whole number from 0 to `count` - 1; 0 where `count` is 0. */
  below(count: number): number;
  pick<T>(list: readonly T[]): T;
}

/** The same numbers for the same seed and name (splitmix32). */
export function createRandom(seed: number, name: string): Random {
  let state = seed | 0;
  for (const letter of name) state = Math.imul(state ^ letter.charCodeAt(0), 0x9e3779b1);
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const below = (count: number): number => (count > 1 ? next() % count : 0);
  return {
    below,
    pick: <T>(list: readonly T[]): T => {
      if (list.length === 0) throw new Error('expected something to pick from');
      return list[below(list.length)] as T;
    },
  };
}

/** One member of the corpus with one to four mutations, each of any kind. */
export function mutateBytes(random: Random, corpus: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(corpus));
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    bytes = random.pick(byteMutations)(random, bytes, corpus);
  }
  return bytes;
}

type ByteMutation = (random: Random, bytes: Buffer, corpus: readonly Buffer[]) => Buffer;

const byteMutations: readonly ByteMutation[] = [
  flipBit,
  flipBit,
  setByte,
  editLength,
  editDigits,
  truncate,
  remove,
  duplicate,
  insert,
  splice,
];

function flipBit(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes;
}

function setByte(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  if (bytes.length > 0) bytes[at] = random.pick([0, 1, 0x20, 0x22, 0x7f, 0x80, 0xc0, 0xfe, 0xff]);
  return bytes;
}

/** Writes an extreme, or a value near the one that is there, over 1, 2, 4 or 8 bytes. */
function editLength(random: Random, bytes: Buffer): Buffer {
  const width = random.pick([1, 2, 4, 8]);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  const bits = BigInt(8 * width);
  const field = bytes.subarray(at, at + width);
  const held = BigInt(`0x${field.toString('hex')}`);
  const value = random.pick([0n, 1n, held + 1n, held - 1n, held * 2n, -1n, 1n << (bits - 1n)]);
  field.write(
    BigInt.asUintN(8 * width, value)
      .toString(16)
      .padStart(2 * width, '0'),
    'hex',
  );
  return bytes;
}

/** Replaces a run of decimal digits by a number that parsers dislike. */
function editDigits(random: Random, bytes: Buffer): Buffer {
  const runs = [...bytes.toString('latin1').matchAll(/[0-9]{1,20}/g)].slice(0, 256);
  if (runs.length === 0) return bytes;
  const run = random.pick(runs);
  const end = run.index + run[0].length;
  const text = Buffer.from(random.pick(numberTexts));
  return Buffer.concat([bytes.subarray(0, run.index), text, bytes.subarray(end)]);
}

const numberTexts = [
  ...['0', '-1', '-0', '00', '1e400', '1e-400', '0x10', '1.5', '1.0', 'NaN', 'null', '""'],
  ...['255', '256', '65536', '2147483648', '4294967296', '9007199254740991', '9007199254740992'],
  ...['18446744073709551616', '1'.repeat(50), `0.${'3'.repeat(60)}`],
];

function truncate(random: Random, bytes: Buffer): Buffer {
  return bytes.subarray(0, random.below(bytes.length + 1));
}

function remove(random: Random, bytes: Buffer): Buffer {
  const [start, end] = pieceOf(random, bytes);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

function duplicate(random: Random, bytes: Buffer): Buffer {
  const [start, end] = pieceOf(random, bytes);
  const times = random.pick([1, 1, 1, 2, 40]);
  const copies = Array.from({ length: times }, () => bytes.subarray(start, end));
  return Buffer.concat([bytes.subarray(0, end), ...copies, bytes.subarray(end)]);
}

function insert(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  const piece = random.pick(insertions)(random);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

const noise = (random: Random): Buffer =>
  Buffer.from(Array.from({ length: 1 + random.below(24) }, () => random.below(256)));

const insertions: readonly ((random: Random) => Buffer)[] = [
  noise,
  noise,
  (random) => Buffer.from(random.pick(strings)),
  (random) => Buffer.from(random.pick(['[', '{"a":', '(', '- ', '\x81', '%25']).repeat(200)),
];

/** What is special to one decoder or another; the others must not mind. */
const strings: readonly string[] = [
  ...['__proto__', 'constructor', 'toString', '\0', '\n', '\r\n', '\ufeff', '\ufffd', '\u202e'],
  ...['../', '..', '/', '//', '\\', '%2e%2e', '%00', '%c0%af', '%2F', ';', '?', '#', '&*a', '*a'],
  ...['<<: ', '!!js/function', '- ', ': ', '"', "'", '{}', '[]', 'null', '\ud800', '$ref', '|2-'],
];

/** The start of one sample and the end of another. */
function splice(random: Random, bytes: Buffer, corpus: readonly Buffer[]): Buffer {
  const other = random.pick(corpus);
  const tail = other.subarray(random.below(other.length + 1));
  return Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), tail]);
}

function pieceOf(random: Random, bytes: Buffer): [number, number] {
  const start = random.below(bytes.length + 1);
  const length = random.below(Math.min(bytes.length - start, random.pick([4, 64, 4096])) + 1);
  return [start, start + length];
}

/** The tree (plain JSON values) with one to three places changed; the given one is left as it is. */
export function mutateTree(random: Random, tree: unknown): unknown {
  let changed = structuredClone(tree);
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const places = placesOf(changed);
    changed = replaceAt(changed, random.pick(places), (value) =>
      random.pick(treeMutations)(random, value, changed),
    );
  }
  return changed;
}

type Path = readonly string[];
type TreeMutation = (random: Random, value: unknown, tree: unknown) => unknown;

const gone = Symbol('gone');

const treeMutations: readonly TreeMutation[] = [
  () => gone,
  aValue,
  aValue,
  (random) => random.pick(strings),
  (_, value) => [value, structuredClone(value)],
  (random, value) => ({ [random.pick([...strings, 'name', 'type'])]: value }),
  (random, _, tree) => valueAt(tree, random.pick(placesOf(tree))),
  (random, value) => (typeof value === 'string' ? mutateText(random, value) : nested(random)),
  (random, value) => addMember(random, value),
];

const values: readonly unknown[] = [
  ...[null, true, false, 0, -0, -1, 1.5, 1e308, 255, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53],
  ...['', '0', [], {}, [null], [[]], { toString: 1, valueOf: 1 }, 'a'.repeat(5000)],
];

/** A fresh one: the next mutation may change it. */
function aValue(random: Random): unknown {
  return structuredClone(random.pick(values));
}

function mutateText(random: Random, text: string): string {
  return mutateBytes(random, [Buffer.from(text)]).toString('utf8');
}

function nested(random: Random): unknown {
  let value: unknown = 0;
  for (let left = random.pick([3, 30, 300]); left > 0; left -= 1) value = [value];
  return value;
}

function addMember(random: Random, value: unknown): unknown {
  const name = random.pick([...strings, 'extra']);
  if (Array.isArray(value)) return [...value, aValue(random)];
  if (!isObject(value)) return aValue(random);
  const member = { value: aValue(random), enumerable: true, writable: true };
  return Object.defineProperty(value, name, { ...member, configurable: true });
}

/** All places of a tree, the root among them. */
function placesOf(tree: unknown, path: Path = []): Path[] {
  if (typeof tree !== 'object' || tree === null || path.length > 40) return [path];
  const below = Object.entries(tree).flatMap(([name, value]) => placesOf(value, [...path, name]));
  return [path, ...below];
}

function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const step of path) value = isObject(value) ? value[step] : undefined;
  return structuredClone(value);
}

function replaceAt(tree: unknown, path: Path, change: (value: unknown) => unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) {
    const value = change(tree);
    return value === gone ? null : value;
  }
  if (!isObject(tree)) return tree;
  const value = rest.length > 0 ? replaceAt(tree[step], rest, change) : change(tree[step]);
  if (value !== gone) {
    const own = { value, enumerable: true, writable: true, configurable: true };
    Object.defineProperty(tree, step, own);
  } else if (Array.isArray(tree)) tree.splice(Number(step), 1);
  else delete tree[step];
  return tree;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
