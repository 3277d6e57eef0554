/** One exchange's journey, put together from the audit logs of both nodes. */
import { linesOf } from '@sallyport/shared/audit/chain.ts';
import { everyBlock, readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { control } from '../control.ts';

export interface Hop {
  readonly node: string;
  readonly process: string;
  readonly step: string;
  readonly atMs: number;
  readonly tookMs?: number;
  readonly bytes?: number;
  readonly messages?: number;
  readonly masked?: Readonly<Record<string, number>>;
  readonly code?: string;
}

const processOf: Readonly<Record<string, string>> = {
  accept: 'edge',
  deliver: 'edge',
  call: 'edge',
  send: 'mover',
  collect: 'mover',
};

/** All audit events of a running node, in order. */
export async function eventsOf(dir: string): Promise<AuditEvent[]> {
  const blocks = everyBlock(async (from) =>
    readAuditBlocks(await control(dir, 'audit-blocks', { from, count: 500 })),
  );
  const events: AuditEvent[] = [];
  for await (const block of blocks) {
    for (const line of linesOf(block)) events.push(JSON.parse(line));
  }
  return events;
}

/** The hops of one exchange: those that name it, and those of the packages that carried it. */
export function traceOf(
  id: string,
  outer: readonly AuditEvent[],
  inner: readonly AuditEvent[],
): Hop[] {
  const own = (event: AuditEvent): boolean => event.exchangeId === id;
  const requestPackage = inner.find((event) => own(event) && event.event === 'decide')?.packageId;
  const answerPackage = outer.find((event) => own(event) && event.event === 'release')?.packageId;
  const part = (
    node: string,
    events: readonly AuditEvent[],
    carriers: readonly (string | undefined)[],
    steps: readonly string[],
  ): Hop[] =>
    steps.flatMap((step) => {
      const event = events.find(
        (one) =>
          one.event === step &&
          (own(one) || (one.exchangeId === undefined && carriers.includes(one.packageId ?? '-'))),
      );
      return event ? [hopOf(node, event)] : [];
    });
  const afterOpen = outer.slice(
    outer.findIndex((event) => event.event === 'open' && event.packageId === answerPackage),
  );
  const refusal = [...outer, ...inner].filter((event) => own(event) && event.event === 'refuse');
  return [
    ...part('outer', outer, [requestPackage], requestSteps),
    ...part('inner', inner, [requestPackage], ['collect', 'open', 'decide', 'call', 'mask']),
    ...part('inner', inner, [answerPackage], ['seal', 'send']),
    ...part('outer', outer, [answerPackage], ['collect', 'open']),
    ...part('outer', afterOpen, [], ['release', 'deliver']),
    ...refusal.slice(0, 1).map((event) => hopOf(inner.includes(event) ? 'inner' : 'outer', event)),
  ];
}

const requestSteps = ['accept', 'seal', 'send'];

function hopOf(node: string, event: AuditEvent): Hop {
  return {
    node,
    process: processOf[event.event] ?? 'guard',
    step: event.event,
    atMs: event.atMs,
    ...(event.tookMs !== undefined && { tookMs: event.tookMs }),
    ...(event.bytes !== undefined && { bytes: event.bytes }),
    ...(event.count !== undefined && { messages: event.count }),
    ...(event.rules !== undefined && { masked: event.rules }),
    ...(event.code !== undefined && { code: event.code }),
  };
}
