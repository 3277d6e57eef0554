/**
 * The edge's line to the guard. Calls outlive a guard's restart: what was under way is told again, with the
 * same id and the same bytes, to the guard that comes back. The guard makes one exchange of one id.
 *
 *   ask ──▶ asked ──▶ answered
 *            │  ▲
 *      lost  ▼  │  back
 *           parked ──▶ given up (NOT_READY; IN_DOUBT once the guard had it)
 */
import { asSallyportError, SallyportError } from '../../errors.ts';
import type { Answer, Handlers } from '../ipc/peer.ts';
import type { Wire } from '../ipc/wire.ts';
import type { CallHead } from './call-head.ts';
import type { EdgeLimits } from './limits.ts';

export interface GuardLine {
  /** Asks once, whatever happens to the guard; `done` is called once. Returns how to drop the call. */
  ask(head: CallHead, body: Buffer, done: Done): () => void;
  readonly connected: boolean;
  /**
   * From here a guard that is away, or goes, is not waited for: its calls are given up. Resolves when it is
   * away.
   */
  end(): Promise<void>;
  close(): void;
}

export type Done = (result: { answer: Answer } | { error: SallyportError }) => void;

interface Asking {
  readonly head: CallHead;
  body: Buffer;
  done: Done | undefined;
  sends: number;
  giveUpMs: number;
}

const noBody: Buffer = Buffer.alloc(0);
const sweepMs = 50;

/**
 * Takes the wire to the guard into use. A call that the guard never had waits
 * `edgeGuardWaitMs`, one that it had `edgeGuardLossMs`; and no call is told more than `edgeResendsMax`
 * times again, so that one that fells the guard does not do so for ever.
 */
export function createGuardLine(wire: Wire, handlers: Handlers, bounds: EdgeLimits): GuardLine {
  const parked = new Set<Asking>();
  let losses = 0;
  let ending = false;
  const gone = Promise.withResolvers<void>();
  let sweeper: NodeJS.Timeout | undefined;

  const settle = (asking: Asking, result: Parameters<Done>[0]): void => {
    const { done } = asking;
    forget(asking);
    done?.(result);
  };
  const forget = (asking: Asking): void => {
    parked.delete(asking);
    asking.done = undefined;
    asking.body = noBody;
  };
  /** What the guard had may be accepted and on its way: whoever repeats it must know that. */
  const giveUp = (asking: Asking): void => {
    const code = asking.sends > 0 ? 'IN_DOUBT' : 'NOT_READY';
    settle(asking, { error: new SallyportError(code, 'the guard is away') });
  };
  const sweep = (): void => {
    const nowMs = performance.now();
    for (const asking of parked) if (asking.giveUpMs <= nowMs) giveUp(asking);
    if (parked.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };
  const park = (asking: Asking, waitMs: number): void => {
    if (!asking.done) return;
    if (ending) {
      giveUp(asking);
      return;
    }
    asking.giveUpMs = performance.now() + waitMs;
    parked.add(asking);
    sweeper ??= setInterval(sweep, sweepMs);
  };
  const send = (asking: Asking): void => {
    const lossesThen = losses;
    asking.sends += 1;
    const again = asking.sends > 1;
    link.request('call', again ? { ...asking.head, again } : asking.head, asking.body).then(
      (answer) => settle(asking, { answer }),
      (thrown) => {
        // The guard may itself answer IPC_LOST (of its signer): only a line that broke since is ours.
        if (losses === lossesThen) settle(asking, { error: asSallyportError(thrown) });
        else if (asking.sends > bounds.edgeResendsMax) giveUp(asking);
        else park(asking, bounds.edgeGuardLossMs);
      },
    );
  };

  const link = wire(handlers, {
    up: () => {
      const again = [...parked];
      parked.clear();
      for (const asking of again) send(asking);
    },
    down: () => {
      losses += 1;
      if (ending) gone.resolve();
    },
  });

  return {
    ask(head, body, done) {
      const asking: Asking = { head, body, done, sends: 0, giveUpMs: 0 };
      if (link.connected) send(asking);
      else park(asking, bounds.edgeGuardWaitMs);
      return () => forget(asking);
    },
    get connected() {
      return link.connected;
    },
    end() {
      ending = true;
      for (const asking of [...parked]) giveUp(asking);
      clearInterval(sweeper);
      if (!link.connected) gone.resolve();
      return gone.promise;
    },
    close: () => link.close(),
  };
}
