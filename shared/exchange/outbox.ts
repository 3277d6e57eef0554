/**
 * The sending end of a lane. One loop drains whatever queued while the last package was being
 * signed and stored, so that an idle lane adds no wait and a busy one signs once for hundreds.
 *
 *   enqueue ─▶ queue ─▶ seal (one signature) ─▶ commit ─▶ publish ─▶ mover
 *                                                │
 *                          accepted: what `enqueue` promised is durable, sealed bytes included
 *
 * A lane that carried one message goes on at once, and so does one that left some behind. One that
 * carried several rests, some times as long as the package took: it costs two nodes the same whether it
 * holds two messages or two hundred, so the busier the machine, the fuller the packages.
 *
 * A crash before the commit leaves nothing; after it, the next start publishes what the store holds. So
 * no sequence is ever used for two packages that somebody saw.
 */

import { asSallyportError, type SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { EncodedMessage } from '../package/message.ts';
import type { OutLane, OutPackage, StoreWrites } from '../store/port.ts';

/** One message to send, and what becomes durable together with it. */
export interface Outgoing {
  readonly message: EncodedMessage;
  /** False for receipts and heartbeats: nobody waits for their receipt. */
  readonly awaitsReceipt: boolean;
  /** Runs inside the commit that makes the package exist. */
  readonly record?: (tx: StoreWrites, place: OutPackage) => void;
}

export interface OutboxPorts {
  /** How many messages a package may hold besides its riders. */
  readonly messagesMax: number;
  /** Seals a batch for this sequence. May take as long as the HSM is away; throws when it gives up. */
  seal(sequence: number, previous: string, messages: EncodedMessage[]): Promise<SealedBatch>;
  commit(work: (tx: StoreWrites) => void): Promise<void>;
  /** Hands the package to the mover. Must not fail for good. */
  publish(place: OutPackage, bytes: Uint8Array): Promise<void>;
  /** Messages to add to the next package whatever it carries: receipts that are due. */
  riders(): Outgoing[];
}

export interface SealedBatch {
  readonly packageId: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface Outbox {
  /** Resolves when the message is accepted: sealed and durable. Errors: OVERLOADED, HSM_*, STORE_*. */
  enqueue(outgoing: Outgoing): Promise<OutPackage>;
  /** Sends the riders alone if nothing else goes. */
  nudge(): void;
  readonly queued: number;
  /** Bytes of the messages that are not sealed and durable yet. */
  readonly queuedBytes: number;
  readonly head: number;
}

interface Queued {
  readonly outgoing: Outgoing;
  readonly resolve: (place: OutPackage) => void;
  readonly reject: (error: SallyportError) => void;
}

export function createOutbox(lane: OutLane, ports: OutboxPorts): Outbox {
  let head = lane.head;
  let headDigest = lane.headDigest;
  let queue: Queued[] = [];
  let queuedBytes = 0;
  let nudged = false;
  let busy = false;

  const send = async (batch: Queued[]): Promise<void> => {
    const all = [...ports.riders(), ...batch.map((one) => one.outgoing)];
    if (all.length === 0) return;
    const messages = all.map((one) => one.message);
    const sealed = await ports.seal(head + 1, headDigest, messages);
    const place: OutPackage = {
      lane: lane.lane,
      sequence: head + 1,
      packageId: sealed.packageId,
      digest: sealed.digest,
      bytes: sealed.bytes.length,
      messages: messages.length,
      createdAtMs: sealed.createdAtMs,
      expiresAtMs: sealed.expiresAtMs,
      awaitsReceipt: all.some((one) => one.awaitsReceipt),
    };
    await ports.commit((tx) => {
      tx.appendOutbound(place, sealed.bytes);
      for (const one of all) one.record?.(tx, place);
    });
    head = place.sequence;
    headDigest = place.digest;
    await ports.publish(place, sealed.bytes);
    for (const one of batch) one.resolve(place);
  };

  const run = async (): Promise<void> => {
    busy = true;
    while (queue.length > 0 || nudged) {
      nudged = false;
      const startedMs = performance.now();
      const [batch, left] = takeBatch(queue, ports.messagesMax);
      queue = left;
      try {
        await send(batch);
      } catch (thrown) {
        const error = asSallyportError(thrown);
        for (const one of batch) one.reject(error);
      }
      for (const { outgoing } of batch) queuedBytes -= bytesOf(outgoing);
      if (batch.length > 1 && left.length === 0) await rest(performance.now() - startedMs);
    }
    busy = false;
  };
  const wake = (): void => {
    if (!busy) {
      busy = true;
      setImmediate(() => void run());
    }
  };

  return {
    enqueue(outgoing) {
      return new Promise((resolve, reject) => {
        queue.push({ outgoing, resolve, reject });
        queuedBytes += bytesOf(outgoing);
        wake();
      });
    },
    nudge() {
      nudged = true;
      wake();
    },
    get queued() {
      return queue.length;
    },
    get queuedBytes() {
      return queuedBytes;
    },
    get head() {
      return head;
    },
  };
}

const bytesOf = ({ message }: Outgoing): number => message.head.length + message.body.length;

function rest(workedMs: number): Promise<void> {
  const restMs = Math.min(workedMs * limits.packageRestTimes, limits.packageRestMsMax);
  return new Promise((resolve) => setTimeout(resolve, restMs));
}

/** As many messages as fit one package, at least one, and the rest. */
function takeBatch(queue: Queued[], messagesMax: number): [Queued[], Queued[]] {
  let bytes = 0;
  let count = 0;
  for (const { outgoing } of queue) {
    bytes += bytesOf(outgoing);
    if (count > 0 && (bytes > limits.batchBytesMax || count >= messagesMax)) break;
    count += 1;
  }
  return count === queue.length ? [queue, []] : [queue.slice(0, count), queue.slice(count)];
}
