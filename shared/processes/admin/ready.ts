/** Is the node ready to take part in exchanges? Each answer is tried, not remembered. */
import type { ErrorCode } from '../../errors.ts';
import type { ClockStatus } from '../guard/clock.ts';
import type { Answer } from '../ipc/peer.ts';
import type { Asking } from './ask.ts';

/** Every check by name; the node is ready when all hold. */
export interface Readiness {
  /** A confirmed peer is in the home. */
  readonly peer: boolean;
  /** The guard has a policy in force. */
  readonly policy: boolean;
  /** The signer made a real signature just now: a lost token still answers everything else. */
  readonly signer: boolean;
  /** The guard committed to its store just now. */
  readonly store: boolean;
  /** No half of the channel is down. */
  readonly channel: boolean;
  /** The clocks of the two nodes agree, as far as the last packages tell. */
  readonly clock: boolean;
  /** The edge answers. */
  readonly edge: boolean;
  /** Every scanner of the node looked at something just now and called it clean; absent where it has none. */
  readonly scanner?: boolean;
}

/** Why a check does not hold, where its process gave a code. */
export type Reasons = Readonly<Partial<Record<keyof Readiness, ErrorCode>>>;

export interface Checked {
  readonly ready: Readiness;
  readonly reasons: Reasons;
  /** What will end readiness if nobody cares for it. */
  readonly warnings: readonly Warning[];
}

/** `disk`: a volume of the node will be full. */
export type Warning = 'disk';

export async function checkReady(peer: boolean, asking: Asking): Promise<Checked> {
  const hasScanners = asking.names.includes('scanner');
  const [guard, store, signer, mover, edge, scanner] = await Promise.all([
    asking.try('guard', 'status'),
    asking.told('guard', 'store-check'),
    asking.try('signer', 'health'),
    asking.try('mover', 'status'),
    asking.try('edge', 'status'),
    hasScanners ? asking.try('scanner', 'health') : undefined,
  ]);
  const clock = member(guard, 'clock') as Partial<ClockStatus> | undefined;
  const isClockApart = clock?.apart === true;
  const ready = {
    peer,
    policy: member(guard, 'policy') !== undefined && member(guard, 'policy') !== null,
    signer: member(signer, 'ok') === true,
    store: typeof store !== 'string',
    channel: isUp(member(mover, 'out')) && isUp(member(mover, 'in')),
    clock: clock?.apart === false,
    edge: edge !== undefined,
    ...(hasScanners && { scanner: member(scanner, 'ok') === true }),
  };
  const reasons = {
    ...(typeof store === 'string' && { store }),
    ...(isClockApart && { clock: 'CLOCK_APART' as const }),
    ...(ready.scanner === false && { scanner: 'SCAN_FAILED' as const }),
  };
  const disk = member(guard, 'disk') as { low?: unknown } | null | undefined;
  return { ready, reasons, warnings: disk?.low === true ? ['disk'] : [] };
}

export function isReady(readiness: Readiness): boolean {
  return Object.values(readiness).every((holds) => holds === true);
}

function isUp(half: unknown): boolean {
  return typeof half === 'object' && half !== null && Reflect.get(half, 'state') === 'up';
}

function member(answer: Answer | undefined, name: string): unknown {
  const head = answer?.head;
  return typeof head === 'object' && head !== null ? Reflect.get(head, name) : undefined;
}
