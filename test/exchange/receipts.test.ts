import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createReceivingLane, zeroDigest } from '@sallyport/shared/exchange/lane.ts';
import { createReceiptBook } from '@sallyport/shared/exchange/receipts.ts';
import { createInFlight } from '@sallyport/shared/exchange/resend.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { OutPackage } from '@sallyport/shared/store/port.ts';

const arrive = (lane: ReturnType<typeof createReceivingLane>, sequence: number): void =>
  lane.accept({ sequence, digest: `d${sequence}`, previous: zeroDigest });
const fresh = () => createReceivingLane({ contiguous: 0, beyond: [] }, () => undefined);

test('a receipt rides once for what came, and is overdue when nothing carries it', () => {
  const lane = fresh();
  const book = createReceiptBook('a/b/import/interactive', lane);
  assert.equal(book.take(newId(), 0), undefined);
  arrive(lane, 1);
  book.due(1000);
  assert.equal(book.overdue(1000), false);
  assert.equal(book.overdue(1000 + limits.receiptDelayMs), true);
  const receipt = book.take(newId(), 1300);
  assert.deepEqual([receipt?.contiguous, receipt?.beyond, receipt?.missing], [1, [], []]);
  assert.equal(book.take(newId(), 1301), undefined);
  assert.equal(book.overdue(9999), false);
});

test('a gap is asked for when it has lasted, and again after a while', () => {
  const lane = fresh();
  const book = createReceiptBook('a/b/import/interactive', lane);
  arrive(lane, 1);
  arrive(lane, 3);
  book.due(0);
  assert.deepEqual(book.take(newId(), 0)?.missing, []);
  assert.equal(book.overdue(limits.receiptDelayMs - 1), false);
  const askedMs = 10_000;
  assert.equal(book.overdue(askedMs), true);
  assert.deepEqual(book.take(newId(), askedMs)?.missing, [2]);
  assert.equal(book.overdue(askedMs + 1), false);
  assert.deepEqual(book.take(newId(), askedMs + limits.resendFirstMs)?.missing, [2]);
  arrive(lane, 2);
  assert.deepEqual(book.take(newId(), 99_999)?.missing, []);
});

const sealed = (sequence: number, awaitsReceipt = true): OutPackage => ({
  lane: 'a/b/import/interactive',
  sequence,
  packageId: newId(),
  digest: '',
  bytes: 1,
  messages: 1,
  createdAtMs: 0,
  expiresAtMs: 1,
  awaitsReceipt,
});

test('a package without receipt is late again and again, with growing patience', () => {
  const flight = createInFlight(1000);
  flight.add(sealed(1), 0);
  flight.add(sealed(2, false), 0);
  assert.deepEqual(flight.late(999), []);
  assert.deepEqual(
    flight.late(1000).map((place) => place.sequence),
    [1],
    'packages of receipts alone are not sent again',
  );
  assert.deepEqual(flight.late(2999), []);
  assert.equal(flight.late(3000).length, 1);
  flight.sent(1, 5000);
  assert.deepEqual(flight.late(8000), []);
});

test('what the peer asks for is sent again, once in a while and so many at a time', () => {
  const flight = createInFlight(1000);
  const many = Array.from({ length: limits.resendRequestMax + 10 }, (_, index) => index + 1);
  for (const sequence of many) flight.add(sealed(sequence), 0);
  const asked = (sequences: number[], nowMs: number): number[] =>
    flight.asked(sequences, nowMs).map((place) => place.sequence);
  assert.deepEqual(asked([1, 3, 9_999], 10), [1, 3]);
  assert.deepEqual(asked([1, 2, 3], 10 + limits.receiptDelayMs - 1), [2]);
  assert.deepEqual(asked([1, 3], 10 + limits.receiptDelayMs), [1, 3]);
  assert.equal(asked(many, 9_000).length, limits.resendRequestMax);
});

test('requests without end are answered as often as those of a sound peer', () => {
  const flight = createInFlight(1000);
  const many = Array.from({ length: 10_000 }, (_, index) => index + 1);
  for (const sequence of many) flight.add(sealed(sequence), 0);
  let again = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
    const from = (nowMs * 25) % 9_000;
    again += flight.asked(many.slice(from, from + 256), nowMs).length;
  }
  assert.ok(again <= limits.resendRequestMax + 10 * limits.resendsPerSecondMax, `${again}`);
});

test('the word that a package was sent counts once for each time that it was handed over', () => {
  const flight = createInFlight(1000);
  flight.add(sealed(1), 0);
  assert.equal(flight.sent(1, 500), true);
  for (let nowMs = 501; nowMs < 1500; nowMs += 1) assert.equal(flight.sent(1, nowMs), false);
  assert.equal(flight.late(1500).length, 1);
  assert.equal(flight.resends(1), 1);
  assert.equal(flight.sent(1, 1501), true);
  assert.equal(flight.sent(2, 1501), false);
});

test('a receipt settles what it names and nothing else', () => {
  const flight = createInFlight(1000);
  for (const sequence of [1, 2, 3, 4, 5]) flight.add(sealed(sequence), 0);
  const settled = flight.settle(2, [4, 9]).map((place) => place.sequence);
  assert.deepEqual(settled, [1, 2, 4]);
  assert.deepEqual(
    flight.all().map((place) => place.sequence),
    [3, 5],
  );
});
