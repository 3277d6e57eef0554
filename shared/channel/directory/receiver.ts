/**
 * The receiving half of a directory channel: takes packages out of a pick-up folder.
 *
 *   watch (inotify) ┐
 *   sweep (readdir) ┴▶ for each entry: name? ▶ finished? ▶ regular file? ▶ room? ▶ copy ▶ remove
 *
 * Whoever fills the folder is not trusted. A package is copied and never moved into the spool: the
 * copy is a file of ours alone, that nobody else holds open. Links are never followed.
 */
import { watch } from 'chokidar';
import { asSallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelReceiver, ChannelSink, ChannelStatus } from '../../ports.ts';
import { createSpoolRoom, type SpoolBounds } from '../room.ts';
import { cleanSpool } from '../spool.ts';
import type { Convention } from './finished.ts';
import { createPickup } from './pickup.ts';

export interface DirectoryReceiverOptions {
  readonly pickupDir: string;
  readonly sink: ChannelSink;
  readonly convention: Convention;
  /** With `stable`: how long a file must not change. Default directoryStableMs. */
  readonly stableMs?: number;
  readonly bounds?: SpoolBounds;
}

/** Watches and sweeps until `close`; a folder that is missing is waited for. */
export async function createDirectoryReceiver(
  options: DirectoryReceiverOptions,
): Promise<ChannelReceiver> {
  const { pickupDir, sink, bounds = limits, stableMs = limits.directoryStableMs } = options;
  await cleanSpool(sink.spoolDir);
  const counted = { packages: 0, bytes: 0, lastMs: undefined as number | undefined };
  let state: ChannelStatus['state'] = 'connecting';
  let detail = 'not looked at yet';
  let closed = false;

  const pickup = createPickup({
    ...options,
    bounds,
    stableMs,
    room: createSpoolRoom(sink.spoolDir, bounds),
    stopped: () => closed,
    collected(file, bytes) {
      counted.packages += 1;
      counted.bytes += bytes;
      counted.lastMs = Date.now();
      sink.collected(file);
    },
  });
  const sweep = async (): Promise<void> => {
    try {
      const full = !(await pickup.sweep());
      state = 'up';
      detail = full ? 'waits for room in the spool' : `picks up from ${pickupDir}`;
    } catch (thrown) {
      state = 'down';
      detail = `expected a readable folder ${pickupDir}: ${asSallyportError(thrown).message}`;
    }
  };

  let running: Promise<void> | undefined;
  let wanted = false;
  /** One sweep at a time; whatever happens during one leads to one more. */
  const sweepSoon = (): void => {
    wanted = true;
    running ??= (async () => {
      while (wanted && !closed) {
        wanted = false;
        await sweep();
      }
      running = undefined;
    })();
  };
  // Network file systems raise no events: there the timer is the channel.
  const timer = setInterval(sweepSoon, limits.directorySweepMs);
  const watcher = watch(pickupDir, { depth: 0, followSymlinks: false, atomic: false });
  watcher.on('add', sweepSoon);
  watcher.on('error', () => {});
  sweepSoon();

  return {
    status: () => ({ kind: 'directory', state, detail, ...counted }),
    async close() {
      closed = true;
      clearInterval(timer);
      await watcher.close();
      await running;
      state = 'down';
      detail = 'closed';
    },
  };
}
