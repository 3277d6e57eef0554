/**
 * A hostile peer with a valid key: the outer node has fallen, the inner one stands. What the tests of this
 * folder share: the rig, requests that are sound, and what the inner node tells of itself.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import type { MessageHeader, RequestHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import type { Logger } from 'pino';
import { type Fallen, fell, type Said } from '../journey/fallen.ts';
import { type Rig, startRig, type Upstream } from '../journey/rig.ts';
import { until } from '../until.ts';

export interface Attacked {
  readonly rig: Rig;
  readonly outer: Fallen;
  /** Ids of the requests that reached the service, as often as they did. */
  readonly reached: string[];
  /** The inner node's receiving lane. */
  lane(): Promise<LaneStatus>;
  status(): Promise<InnerStatus>;
  events(matches: Partial<AuditEvent>): Promise<AuditEvent[]>;
  /** A sound request in the next package of the lane reaches the service: nothing is broken. */
  expectServed(): Promise<void>;
}

export interface LaneStatus {
  readonly contiguous: number;
  readonly beyond: readonly number[];
  readonly head: number;
  readonly held?: { readonly code: string; readonly packages: number };
}

export interface InnerStatus {
  readonly lanes: { readonly in: readonly [LaneStatus] };
  readonly queues: { readonly inbound: number; readonly serving: number };
}

const [citizen] = makePeople(1, 7);

export async function attacked(
  options: { seed?: number; upstream?: Upstream; log?: Logger } = {},
): Promise<Attacked> {
  const reached: string[] = [];
  const rig = await startRig({
    seed: options.seed ?? 1,
    async upstream(call) {
      reached.push(call.id);
      return options.upstream?.(call) ?? { status: 200, body: citizen };
    },
    ...(options.log && { log: options.log }),
  });
  await rig.applyPolicy();
  const outer = await fell(rig, 'outer');
  const status = async (): Promise<InnerStatus> =>
    (await rig.inner.admin.request('status')).head as InnerStatus;
  // Its mover may not have had all that its guard had sealed when it fell.
  const { spoolOut } = homePaths(rig.outer.dir);
  for (const name of readdirSync(spoolOut)) {
    outer.deliver({ name, bytes: readFileSync(join(spoolOut, name)) });
  }
  await until(async () => (await status()).lanes.in[0].contiguous === outer.head);
  return {
    rig,
    outer,
    reached,
    status,
    lane: async () => (await status()).lanes.in[0],
    async events(matches) {
      const events = await rig.inner.events();
      return events.filter((event) =>
        Object.entries(matches).every(([name, value]) => Reflect.get(event, name) === value),
      );
    },
    async expectServed() {
      const sound = request();
      await outer.send(sound);
      await until(() => reached.includes(sound.header.id));
    },
  };
}

/** Of a granted route, by a known consumer. */
export function request(
  changes: Partial<RequestHeader> = {},
  body = '',
): Said & { header: RequestHeader } {
  const header: RequestHeader = {
    type: 'request',
    id: newId(),
    flow: 'citizen-registry/get-citizen',
    consumer: 'tax-bureau',
    deadlineMs: Date.now() + 20_000,
    method: 'GET',
    path: '/citizens/c-000001',
    query: [],
    headers: {},
    ...changes,
  };
  return { header, body };
}

export const said = (header: object): Said => ({
  header: { id: newId(), ...header } as MessageHeader,
});

export const importLane = 'outer-1/inner-1/import/interactive';
export const exportLane = 'inner-1/outer-1/export/interactive';
