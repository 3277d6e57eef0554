/**
 * A JSON array as records: its items are cut out by their brackets and quotes alone, and each is
 * then parsed strictly by itself. The cutting decides nothing: what it cuts wrongly is no JSON.
 */
import { Buffer } from 'node:buffer';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { type Json, parseJson } from '../json.ts';
import { joined, pieces, type RecordFormat } from './record.ts';

export const jsonArray: RecordFormat = {
  async *records(source) {
    for await (const items of cut(source)) yield* items.map(parseItem);
  },
  write: (records) => joined(itemsOf(records)),
  texts: {
    cut,
    async *join(groups) {
      let before = openFirst;
      for await (const items of groups) {
        const parts = items.flatMap((item, at) => [at === 0 ? before : nextItem, item]);
        if (items.length > 0) before = nextItem;
        yield Buffer.concat(parts);
      }
      yield Buffer.from(before === openFirst ? '[]\n' : ']\n');
    },
  },
};

const openFirst = Buffer.from('[');
const nextItem = Buffer.from(',');

async function* cut(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  const items = cutItems();
  for await (const piece of pieces(source)) yield [...items.push(piece)];
  items.end();
}

async function* itemsOf(records: AsyncIterable<Json>): AsyncGenerator<string> {
  let before = '[';
  for await (const record of records) {
    yield before + JSON.stringify(record);
    before = ',';
  }
  yield before === '[' ? '[]\n' : ']\n';
}

type State = 'before' | 'first' | 'item' | 'after';

/** Where the reader is; `depth` and `quoted` count within the item. */
interface Cutting {
  state: State;
  depth: number;
  quoted: boolean;
  escaped: boolean;
}

function cutItems(): { push(piece: Buffer): Iterable<Buffer>; end(): void } {
  const cutting: Cutting = { state: 'before', depth: 0, quoted: false, escaped: false };
  let rest: Buffer = Buffer.alloc(0);
  return {
    *push(piece) {
      // Only what is new is looked at: the rest was.
      let at = rest.length;
      let from = 0;
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      for (; at < bytes.length; at += 1) {
        const byte = bytes[at] ?? 0;
        if (cutting.state === 'item' || cutting.state === 'first') {
          if (!endsItem(cutting, byte)) continue;
          const item = bytes.subarray(from, at);
          // `[]` has no item; `[,` and `[1,]` have an empty one, which is no JSON.
          const none = cutting.state === 'first' && byte === closeArray && isSpace(item);
          if (!none) yield bounded(item);
          cutting.state = byte === comma ? 'item' : 'after';
          from = at + 1;
        } else if (!space.has(byte)) {
          if (cutting.state === 'after' || byte !== openArray) throw refused('one array');
          cutting.state = 'first';
          from = at + 1;
        } else from = at + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > limits.recordBytesMax) throw refused('items within the limit');
    },
    end() {
      if (cutting.state !== 'after') throw refused('an array that ends');
    },
  };
}

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openArray = 0x5b;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const space: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

function endsItem(cutting: Cutting, byte: number): boolean {
  if (cutting.quoted) {
    if (cutting.escaped) cutting.escaped = false;
    else if (byte === backslash) cutting.escaped = true;
    else if (byte === quote) cutting.quoted = false;
    return false;
  }
  if (byte === quote) cutting.quoted = true;
  else if (byte === openArray || byte === openObject) cutting.depth += 1;
  else if (cutting.depth === 0) return byte === comma || byte === closeArray;
  else if (byte === closeArray || byte === closeObject) cutting.depth -= 1;
  return false;
}

function isSpace(bytes: Buffer): boolean {
  return bytes.every((byte) => space.has(byte));
}

function parseItem(item: Buffer): Json {
  return parseJson(item, limits.recordBytesMax);
}

function bounded(item: Buffer): Buffer {
  if (item.length > limits.recordBytesMax) throw refused('items within the limit');
  return item;
}

function refused(expected: string): SallyportError {
  return new SallyportError('JSON_REFUSED', `expected ${expected}, got another text`, {
    hint: `send one JSON array, each item of at most ${limits.recordBytesMax} bytes`,
  });
}
