/**
 * From the socket into the spool, in bounded memory: one package of each class at a time, part by
 * part.
 *
 *   socket ▶ frames ▶ room? ▶ temporary file ▶ (whole) rename ▶ collected
 *
 * Nothing is flushed here: until the guard has recorded a package and its receipt went home, the sender
 * has it too.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelSink, FlowClass } from '../../ports.ts';
import type { SpoolBounds, SpoolRoom } from '../room.ts';
import { type HandOver, handOver } from '../spool.ts';
import { createLinkReader, type LinkFrame } from './frame.ts';

interface Arriving {
  readonly file: HandOver;
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
  const read = createLinkReader(taking.bounds);

  const take = async (frame: LinkFrame): Promise<void> => {
    const open = arriving.get(frame.flowClass);
    if (frame.kind === 'head') {
      if (open) throw violation('the rest of the package before', 'another package');
      await waitForRoom(taking, frame.size);
      const file = handOver(sink.spoolDir, frame.name);
      arriving.set(frame.flowClass, { file, size: frame.size, left: frame.size });
      return;
    }
    if (!open) throw violation('the head of a package', 'a part');
    open.left -= frame.bytes.length;
    if (open.left < 0) throw violation('a part inside its package', 'more bytes');
    open.file.write(frame.bytes);
    if (open.left > 0) return;
    arriving.delete(frame.flowClass);
    collected(open.file.commit(), open.size);
  };
  try {
    for await (const chunk of socket) {
      for (const frame of read(chunk)) await take(frame);
    }
    if (arriving.size > 0) throw new SallyportError('CHANNEL_LOST', 'the link broke in a package');
  } finally {
    for (const { file } of arriving.values()) file.abort();
  }
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

function violation(expected: string, got: string): SallyportError {
  return new SallyportError('CHANNEL_FRAME', `expected ${expected}, got ${got}`);
}
