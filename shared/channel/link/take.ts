/**
 * From the socket into the spool, in bounded memory: one package of each class at a time, part by
 * part.
 *
 *   socket ▶ frames ▶ room? ▶ temporary file ▶ (whole) fsync, rename, fsync directory ▶ collected
 *
 * The last step runs beside the reading of what follows, so that packages that arrive together
 * share the directory's fsync; packages of a class are reported in the order of their arrival.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelSink, FlowClass } from '../../ports.ts';
import type { SpoolBounds, SpoolRoom } from '../room.ts';
import { type Deposit, depositFile } from '../spool.ts';
import { createLinkReader, type LinkFrame } from './frame.ts';

interface Arriving {
  readonly deposit: Deposit;
  readonly size: number;
  left: number;
}

export interface Taking {
  readonly socket: TLSSocket;
  readonly sink: ChannelSink;
  readonly room: SpoolRoom;
  readonly bounds: SpoolBounds;
  collected(file: string, bytes: number): void;
}

/**
 * Runs until the connection ends; what is whole by then is collected, what is not is forgotten.
 * Errors: CHANNEL_FRAME for a violation, CHANNEL_FULL for a full disk, CHANNEL_LOST for a broken
 * way.
 */
export async function takePackages(taking: Taking): Promise<void> {
  const { socket, sink, collected } = taking;
  const arriving = new Map<FlowClass, Arriving>();
  let failure: Error | undefined;
  const landings = createLandings(collected, (error) => {
    failure ??= error;
    socket.destroy(error);
  });
  const read = createLinkReader(taking.bounds);

  const take = async (frame: LinkFrame): Promise<void> => {
    const open = arriving.get(frame.flowClass);
    if (frame.kind === 'head') {
      if (open) throw violation('the rest of the package before', 'another package');
      await waitForRoom(taking, frame.size);
      const deposit = await depositFile(sink.spoolDir, frame.name);
      arriving.set(frame.flowClass, { deposit, size: frame.size, left: frame.size });
      return;
    }
    if (!open) throw violation('the head of a package', 'a part');
    open.left -= frame.bytes.length;
    if (open.left < 0) throw violation('a part inside its package', 'more bytes');
    await open.deposit.write(frame.bytes);
    if (open.left > 0) return;
    arriving.delete(frame.flowClass);
    await landings.add(frame.flowClass, open.deposit, open.size);
  };
  try {
    for await (const chunk of socket) {
      for (const frame of read(chunk)) await take(frame);
    }
    if (arriving.size > 0) throw new SallyportError('CHANNEL_LOST', 'the link broke in a package');
  } finally {
    for (const { deposit } of arriving.values()) await deposit.abort();
    await landings.settled();
  }
  if (failure) throw failure;
}

/** No room is no refusal: nothing more is read, TCP makes the sender wait, and nothing is lost. */
async function waitForRoom({ socket, sink, room }: Taking, bytes: number): Promise<void> {
  let told = false;
  while (!(await room.take(bytes))) {
    if (socket.destroyed) throw new SallyportError('CHANNEL_LOST', 'the link broke');
    if (!told) sink.refused('CHANNEL_FULL', 'expected room in the spool, got none; reading stops');
    told = true;
    await sleep(limits.channelFullRetryMs);
  }
}

/** Whole packages on their way to the disk: at most linkLandingsMax, reported in order by class. */
function createLandings(
  collected: (file: string, bytes: number) => void,
  failed: (error: Error) => void,
): {
  add(flowClass: FlowClass, deposit: Deposit, bytes: number): Promise<void>;
  settled(): Promise<unknown>;
} {
  const tails = { interactive: Promise.resolve(), bulk: Promise.resolve() };
  const underWay = new Set<Promise<void>>();
  return {
    async add(flowClass, deposit, bytes) {
      const durable = deposit.commit();
      const landing = Promise.all([durable, tails[flowClass]])
        .then(([file]) => collected(file, bytes), failed)
        .finally(() => underWay.delete(landing));
      tails[flowClass] = landing;
      underWay.add(landing);
      if (underWay.size >= limits.linkLandingsMax) await Promise.race(underWay);
    },
    settled: () => Promise.all(underWay),
  };
}

function violation(expected: string, got: string): SallyportError {
  return new SallyportError('CHANNEL_FRAME', `expected ${expected}, got ${got}`);
}
