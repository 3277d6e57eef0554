/**
 * A package has one form: whatever is changed in it, anywhere, it is refused with a code of the
 * table.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import fc from 'fast-check';
import { open, requestMessage, seal } from './parties.ts';

const messages = [requestMessage(700, 1), requestMessage(900, 2)];
const { bytes } = await seal(messages, { segmentBytes: 1024 });
const place = fc.nat({ max: bytes.length - 1 });

async function expectRefusal(changed: Buffer): Promise<void> {
  await assert.rejects(open(changed), (thrown: unknown) => {
    assert.ok(thrown instanceof SallyportError, String(thrown));
    assert.ok(isErrorCode(thrown.code) && thrown.code.startsWith('PACKAGE_'), thrown.code);
    return true;
  });
}

test('the package itself opens', async () => {
  assert.equal((await open(bytes)).messages.length, 2);
});

test('any flipped bit is refused', async () => {
  await fc.assert(
    fc.asyncProperty(place, fc.nat({ max: 7 }), async (at, bit) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      await expectRefusal(changed);
    }),
    { seed: 1, numRuns: 1500 },
  );
});

test('any truncation is refused', async () => {
  await fc.assert(
    fc.asyncProperty(place, (length) => expectRefusal(bytes.subarray(0, length))),
    { seed: 2, numRuns: 500 },
  );
});

test('any piece moved, removed, repeated or inserted is refused', async () => {
  const piece = fc.uint8Array({ maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(place, place, place, piece, async (from, to, at, inserted) => {
      const [start, end] = from < to ? [from, to] : [to, from];
      const cut = bytes.subarray(start, end);
      const rest = Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
      const variants = [
        Buffer.concat([rest.subarray(0, at), cut, rest.subarray(at)]),
        rest,
        Buffer.concat([bytes.subarray(0, at), cut, bytes.subarray(at)]),
        Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]),
      ];
      for (const variant of variants) if (!variant.equals(bytes)) await expectRefusal(variant);
    }),
    { seed: 3, numRuns: 300 },
  );
});

test('random bytes are refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), (noise) =>
      expectRefusal(Buffer.from(noise)),
    ),
    { seed: 4, numRuns: 300 },
  );
});
