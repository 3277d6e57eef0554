/**
 * What waits in spool/out, and what this connection has already taken. The guard writes and removes
 * the files; here they are only sent, each once for as long as the way holds.
 *
 *   queued, resend, listing ▶ pending ▶ send ▶ sent ──(way lost, or resend)──▶ pending
 *
 * Each class has a loop of its own, so that a bulk package never holds up an interactive one.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { bySpoolOrder, listSpool, parseSpoolName } from '../../channel/spool.ts';
import { asSallyportError, type SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelSender, FlowClass } from '../../ports.ts';
import { type Bell, createBell } from './bell.ts';

export interface OutboxOptions {
  readonly dir: string;
  readonly sender: Pick<ChannelSender, 'send'>;
  /** The transport took all of it. */
  sent(name: string): void;
  /** The file can never be sent on this channel. */
  refused(error: SallyportError, name: string): void;
}

export interface Outbox {
  /**
   * Sends these unless this connection already took them. Names that are no spool name: ignored.
   */
  queue(names: readonly string[]): void;
  /** Sends these again, whatever happened before. */
  again(names: readonly string[]): void;
  /** Lists the directory: queues what nobody told of, forgets what is gone. Never throws. */
  refresh(): Promise<void>;
  /** The way is open. Unless `clean`, everything is sent again, in order. */
  wayUp(clean: boolean): void;
  /** Taken by this connection and not yet removed by the guard, in order. */
  sentNames(): string[];
  depth(): Record<FlowClass, number>;
  retries(): number;
  close(): Promise<void>;
}

interface Line {
  readonly pending: Set<string>;
  readonly bell: Bell;
}

export function createOutbox({ dir, sender, sent, refused }: OutboxOptions): Outbox {
  const lines: Record<FlowClass, Line> = {
    interactive: { pending: new Set(), bell: createBell() },
    bulk: { pending: new Set(), bell: createBell() },
  };
  const both = [lines.interactive, lines.bulk];
  const taken = new Set<string>();
  let era = 0;
  let retried = 0;
  let closed = false;

  const queue = (names: readonly string[]): void => {
    for (const name of names) {
      const line = lineOf(name);
      if (!line || taken.has(name)) continue;
      line.pending.add(name);
      line.bell.ring();
    }
  };
  const lineOf = (name: string): Line | undefined => {
    const parsed = parseSpoolName(name);
    return parsed && lines[parsed.flowClass];
  };
  const refresh = async (): Promise<void> => {
    const before = [...taken];
    const eraBefore = era;
    const names = await listSpool(dir).catch(() => undefined);
    if (!names || era !== eraBefore) return;
    const present = new Set(names);
    for (const name of before) if (!present.has(name)) taken.delete(name);
    queue(names);
  };
  const run = async ({ pending, bell }: Line): Promise<void> => {
    let delayMs: number = limits.linkReconnectFirstMs;
    while (!closed) {
      const [name] = pending;
      if (name === undefined) {
        await bell.rung();
        continue;
      }
      const file = join(dir, name);
      const eraBefore = era;
      try {
        await sender.send(file);
        delayMs = limits.linkReconnectFirstMs;
        if (era !== eraBefore) continue;
        pending.delete(name);
        taken.add(name);
        sent(name);
      } catch (thrown) {
        const error = asSallyportError(thrown);
        const gone = await access(file).then(
          () => false,
          () => true,
        );
        if (gone || error.code === 'CHANNEL_FRAME') {
          pending.delete(name);
          if (gone) continue;
          taken.add(name);
          refused(error, name);
          continue;
        }
        retried += 1;
        await bell.rung(delayMs);
        delayMs = Math.min(delayMs * 2, limits.linkReconnectMaxMs);
      }
    }
  };
  const running = Promise.all(both.map(run));

  return {
    queue,
    again(names) {
      for (const name of names) taken.delete(name);
      queue(names);
    },
    refresh,
    wayUp(clean) {
      if (!clean) {
        era += 1;
        taken.clear();
        for (const { pending } of both) pending.clear();
        void refresh();
      }
      for (const { bell } of both) bell.ring();
    },
    sentNames: () => [...taken].sort(bySpoolOrder),
    depth: () => ({
      interactive: lines.interactive.pending.size,
      bulk: lines.bulk.pending.size,
    }),
    retries: () => retried,
    async close() {
      closed = true;
      for (const { bell } of both) bell.ring();
      await running;
    },
  };
}
