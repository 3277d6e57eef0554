/**
 * parseJson reads most documents by their bytes, and only what is left by the strict parser. Whatever the
 * document, and whatever came before it, it gives what the strict parser gives; and bytes that are said to
 * be as they would be written are.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson, readJson } from '@sallyport/shared/content/json.ts';
import { readSchema } from '@sallyport/shared/content/schema.ts';
import { createReader } from '@sallyport/shared/content/straight/read.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { again, seedsOf } from './campaign.ts';
import { escaped, revalued, schemaOf, writtenOf } from './documents.ts';
import { createRandom, mutateBytes, type Random } from './mutate.ts';

const name = 'sure JSON';
const documentsOfSchema = 8;

test(`${name}: the same value or refusal as by the strict parser`, () => {
  const count: Count = { read: 0, sure: 0, written: 0, refused: 0 };
  const seeds = seedsOf(documentsOfSchema);
  for (const seed of seeds) {
    try {
      compare(createRandom(seed, name), count);
    } catch (cause) {
      throw new Error(`${name} failed; again: ${again(name, seed)}`, { cause });
    }
  }
  console.error(JSON.stringify(count));
  if (seeds.length < 100) return;
  assert.ok(count.refused > seeds.length, `only ${count.refused} were refused`);
  assert.ok(count.written > 0.1 * count.sure, `only ${count.written} are as they would be written`);
  assert.ok(count.sure > 0.8 * count.read, `only ${count.sure} of ${count.read} were sure`);
});

interface Count {
  read: number;
  sure: number;
  written: number;
  refused: number;
}

function compare(random: Random, count: Count): void {
  const { schema } = readSchema(schemaOf(random));
  assert.ok(schema);
  const read = createReader();
  let text = '';
  for (let left = documentsOfSchema; left > 0; left -= 1) {
    text = left % 4 === 0 ? `[${writtenOf(random, schema)},{"k":1}]` : revalued(random, text);
    const plain = Buffer.from(random.below(3) === 0 ? escaped(random, text) : text);
    const bytes = random.below(3) === 0 ? mutateBytes(random, [plain]) : plain;
    const decoded = bytes.toString('utf8');
    // Other encodings and marks are refused before either parser.
    if (!Buffer.from(decoded).equals(bytes) || decoded.startsWith('\ufeff')) continue;
    const norm = outcome(() => readJson(decoded));
    assert.deepEqual(
      outcome(() => parseJson(bytes)),
      norm,
      decoded,
    );
    const sure = read(bytes);
    if ('message' in norm) {
      count.refused += 1;
      assert.ok(sure === undefined, decoded);
    } else {
      count.read += 1;
      if (sure === undefined) continue;
      count.sure += 1;
      assert.deepEqual(
        outcome(() => sure.value),
        norm,
        decoded,
      );
      if (!sure.isWritten) continue;
      count.written += 1;
      assert.equal(JSON.stringify(sure.value), decoded);
    }
  }
}

/** The value with the order of its members and the sign of its zeros. */
function outcome(read: () => unknown): { value: unknown; text: string } | { message: string } {
  try {
    const value = read();
    return { value, text: JSON.stringify(value) };
  } catch (thrown) {
    assert.ok(thrown instanceof SallyportError, String(thrown));
    return { message: thrown.message };
  }
}
