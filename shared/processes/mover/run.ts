/**
 * The mover: carries sealed packages between the spool and the channels, and knows nothing of what
 * is in them. It validates names and sizes; it does not filter (NIST SP 800-53 AC-4(32)).
 *
 *   spool/out ▶ outbox ▶ sender ▶ ──boundary── ▶ receiver ▶ spool/in
 *       ▲ queued, resend │ sent                  collected, refused ▼
 *       └───────────────────────── guard ──────────────────────────┘
 *
 * The two directions share nothing but the process: what stops one leaves the other running.
 */
import { basename } from 'node:path';
import type { Logger } from 'pino';
import type { SenderEvents } from '../../channel/events.ts';
import { listSpool, parseSpoolName } from '../../channel/spool.ts';
import { asSallyportError, type ErrorCode, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type {
  ChannelReceiver,
  ChannelSender,
  ChannelSink,
  ChannelStatus,
  FlowClass,
} from '../../ports.ts';
import type { TellTrouble } from '../child.ts';
import type { Wire } from '../ipc/wire.ts';
import { createBell } from './bell.ts';
import { createMoverMetrics } from './metrics.ts';
import { createNotices } from './notices.ts';
import { createOutbox } from './outbox.ts';

export interface MoverOptions {
  readonly spoolOutDir: string;
  readonly spoolInDir: string;
  readonly guard: Wire;
  readonly admin: Wire;
  /** Makes the sender; called once. */
  readonly out: (events: SenderEvents) => ChannelSender;
  /** Makes the receiver; called again, every second, where it fails. */
  readonly in: (sink: ChannelSink) => Promise<ChannelReceiver>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Hears why there is no receiver, and when there is one. */
  readonly tellTrouble?: TellTrouble;
}

/** What `status` answers to admin. */
export interface MoverStatus {
  readonly guard: 'connected' | 'away';
  readonly out: ChannelStatus;
  /** `kind` is missing as long as the receiver could not be made. */
  readonly in: Omit<ChannelStatus, 'kind'> & Partial<Pick<ChannelStatus, 'kind'>>;
  readonly pending: Readonly<Record<FlowClass, number>>;
  readonly retries: number;
  readonly refusals: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** Runs until `close`; nothing else stops it. */
export function runMover(options: MoverOptions): { close(): Promise<void> } {
  const { spoolOutDir, spoolInDir, log } = options;
  const guard = options.guard(
    {
      queued: (head) => void outbox.queue(readFiles(head)),
      resend: (head) => void outbox.again(readFiles(head)),
    },
    { up: () => void tellEverything() },
  );
  const notices = createNotices(guard);
  const { refused } = notices;
  /** What was last said of the way out: of tries that fail as the one before nothing is said. */
  let said: string | undefined;
  const sender = options.out({
    up(clean) {
      // A folder that is there again has lost nothing, but it was said to be away.
      if (!clean || said !== undefined) {
        log.info({ channel: 'out' }, 'channel up');
        guard.notify('channel', { up: true });
      }
      said = undefined;
      outbox.wayUp(clean);
    },
    down({ code, message }) {
      if (said === undefined) guard.notify('channel', { up: false });
      if (said !== message) log.warn({ channel: 'out', code, detail: message }, 'channel down');
      said = message;
      if (code === 'CHANNEL_PEER') refused(code, message);
    },
  });
  const outbox = createOutbox({
    dir: spoolOutDir,
    sender,
    sent: (name) => notices.sent([name]),
    refused: (error, name) => refused(error.code, `${name}: ${error.message}`),
  });
  const receiving = keepReceiver(options, {
    spoolDir: spoolInDir,
    collected: (file) => notices.collected([basename(file)]),
    refused,
  });
  /** The guard came (back): it hears of everything that it may have missed. */
  const tellEverything = async (): Promise<void> => {
    notices.sent(outbox.sentNames());
    notices.collected(await listSpool(spoolInDir).catch(() => []));
    await outbox.refresh();
  };
  const status = (): MoverStatus => ({
    guard: guard.connected ? 'connected' : 'away',
    out: sender.status(),
    in: receiving.status(),
    pending: outbox.depth(),
    retries: outbox.retries(),
    refusals: notices.refusals(),
  });
  const metrics = createMoverMetrics(status);
  const sweeping = sweep(() => guard.connected, outbox.refresh);
  const admin = options.admin({
    status: () => ({ head: status() }),
    metrics: async () => ({ head: await metrics.getMetricsAsJSON() }),
  });
  return {
    async close() {
      sweeping.stop();
      for (const link of [admin, guard]) link.close();
      await Promise.all([sender.close(), receiving.close()]);
      await outbox.close();
      notices.close();
    },
  };
}

/** Looks into spool/out by itself: often while nobody tells of new packages, seldom otherwise. */
function sweep(told: () => boolean, refresh: () => Promise<void>): { stop(): void } {
  const sweepsPerSlow = limits.moverSweepSlowMs / limits.moverSweepMs;
  let count = 0;
  void refresh();
  const timer = setInterval(() => {
    count += 1;
    if (!told() || count % sweepsPerSlow === 0) void refresh();
  }, limits.moverSweepMs);
  return { stop: () => clearInterval(timer) };
}

/** Makes the receiver and goes on trying: a port that is taken may be free in a second. */
function keepReceiver(
  { in: make, log, tellTrouble }: MoverOptions,
  sink: ChannelSink,
): { status(): MoverStatus['in']; close(): Promise<void> } {
  const bell = createBell();
  let receiver: ChannelReceiver | undefined;
  let detail = 'not open yet';
  let closed = false;
  const open = async (): Promise<void> => {
    while (!closed) {
      try {
        receiver = await make(sink);
        tellTrouble?.(undefined);
        return;
      } catch (thrown) {
        const error = asSallyportError(thrown);
        if (detail !== error.message) {
          log.warn({ channel: 'in', err: error }, 'not open');
          tellTrouble?.(error);
        }
        detail = error.message;
        await bell.rung(limits.moverSweepMs);
      }
    }
  };
  const opening = open();
  return {
    status: () =>
      receiver?.status() ?? { state: 'down', packages: 0, bytes: 0, lastMs: undefined, detail },
    async close() {
      closed = true;
      bell.ring();
      await opening;
      await receiver?.close();
    },
  };
}

/** The head of `queued` and `resend`. */
function readFiles(head: unknown): string[] {
  const { files } = (head ?? {}) as Record<string, unknown>;
  if (Array.isArray(files) && files.every(isSpoolName)) return files;
  throw new SallyportError('IPC_FRAME', 'expected the names of spool files');
}

function isSpoolName(name: unknown): name is string {
  return typeof name === 'string' && parseSpoolName(name) !== undefined;
}
