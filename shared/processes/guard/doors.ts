/**
 * Who may ask the guard what. Each wire leads to one process and has the verbs of that process only: the
 * mover can report files and nothing else.
 */
import { answerAuditBlocks } from '../../audit/transfer.ts';
import { parseSpoolName } from '../../channel/spool.ts';
import { type ErrorCode, isErrorCode, SallyportError } from '../../errors.ts';
import { createBudget } from '../../exchange/budget.ts';
import { limits } from '../../limits.ts';
import type { Store } from '../../store/port.ts';
import type { Answer, Handlers } from '../ipc/peer.ts';
import type { Wires } from '../wires.ts';
import { metricsOf } from './metrics.ts';

export interface DoorOptions {
  readonly wires: Wires;
  /** Verbs of the node's journey: `call` for the edge, the rest for the admin process. */
  readonly journey: Handlers;
  readonly collected: (names: readonly string[]) => void;
  /** Names and, beside each, when it was sent. */
  readonly sent: (names: readonly string[], atMs: readonly number[]) => void;
  /** The outgoing channel reached its far end, or was interrupted. */
  readonly channel: (up: boolean) => void;
  /** So often since the last notice; the detail is of the last one. */
  readonly refused: (code: ErrorCode, count: number, detail: string) => void;
  readonly status: () => Readonly<Record<string, unknown>>;
  readonly store: Store;
  /** Makes one durable commit. Errors: STORE_FULL, STORE_FAILED. */
  readonly storeCheck: () => Promise<void>;
}

export interface Doors {
  askEdge(verb: string, head: unknown, body: Uint8Array, timeoutMs: number): Promise<Answer>;
  tellMover(verb: string, names: string[]): void;
  close(): void;
}

export function openDoors(options: DoorOptions): Doors {
  const { store, wires } = options;
  const budget = createBudget(limits.moverNamesMax, limits.moverNamesPerSecondMax);
  const forAdmin: Handlers = {
    status: () => ({ head: options.status() }),
    metrics: async () => ({ head: await metricsOf(options.status()) }),
    exchanges: () => ({ body: Buffer.from(JSON.stringify(store.recentExchanges(recentMax))) }),
    'policy-history': () => ({
      head: store
        .policyHistory()
        .map(({ version, appliedAtMs, actor }) => ({ version, appliedAtMs, actor })),
    }),
    // None on the outer node: there policies only arrive.
    'policy-plans': () => ({ head: store.policyPlans(limits.policyPlansShownMax) }),
    'audit-blocks': (head) => answerAuditBlocks(store, head),
    'policy-show': (head) => {
      const wanted = (head as { version?: unknown } | null)?.version;
      const stored =
        wanted === undefined
          ? store.policyBundle()
          : store.policyHistory().find(({ version }) => version === wanted);
      if (!stored) throw new SallyportError('POLICY_MISSING', 'no such policy has been applied');
      return { head: { version: stored.version }, body: stored.bundle };
    },
    // A commit with something in it: only that shows that the disk takes what it is given.
    'store-check': async () => {
      await options.storeCheck();
    },
  };
  const { call, ...authority } = options.journey;
  const forMover: Handlers = {
    collected: (head) => options.collected(namesOf(head)),
    sent(head) {
      const names = namesOf(head);
      // What is not heard is sent again: the receipt counts, not the mover's word.
      const heard = budget.take(names.length, performance.now());
      options.sent(names.slice(0, heard), timesOf(head));
    },
    channel: (head) => options.channel((head as { up?: unknown } | null)?.up === true),
    refused(head) {
      const { code, count, detail } = (head ?? {}) as Record<string, unknown>;
      const counted = Number.isSafeInteger(count) && (count as number) > 0 ? (count as number) : 1;
      const text = typeof detail === 'string' ? detail.slice(0, detailMax) : '';
      if (isErrorCode(code)) options.refused(code, counted, text);
    },
  };
  const edge = wires('edge')(call ? { call } : {});
  const mover = wires('mover')(forMover);
  const admin = wires('admin')({ ...forAdmin, ...authority });
  return {
    askEdge(verb, head, body, timeoutMs) {
      if (edge.connected) return edge.request(verb, head, body, timeoutMs);
      return Promise.reject(new SallyportError('NOT_READY', 'the edge is away'));
    },
    tellMover: (verb, names) => mover.notify(verb, { files: names }),
    close() {
      for (const link of [edge, mover, admin]) link.close();
    },
  };
}

const recentMax = 200;
const detailMax = 200;

const isSpoolName = (name: string): boolean => parseSpoolName(name) !== undefined;

function timesOf(head: unknown): number[] {
  const times = (head as { atMs?: unknown } | null)?.atMs;
  return Array.isArray(times) ? times.filter((time) => Number.isSafeInteger(time)) : [];
}

function namesOf(head: unknown): string[] {
  const files = (head as { files?: unknown } | null)?.files;
  if (!Array.isArray(files) || files.length > limits.spoolPackagesMax) {
    throw new SallyportError('IPC_FRAME', 'expected file names');
  }
  // Names become paths here, and the mover stands at the boundary.
  return files.filter((name): name is string => typeof name === 'string' && isSpoolName(name));
}
