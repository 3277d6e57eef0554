/**
 * Where the time of an exchange goes, from the audit logs of both nodes: nothing is measured twice and
 * nothing is added to what is measured. The logs tell milliseconds; a mean over many exchanges tells more
 * finely, since where in its millisecond a step falls is chance.
 */
import { control } from '@sallyport/cli/control.ts';
import { linesOf } from '@sallyport/shared/audit/chain.ts';
import { readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';

/** Each begins where the one before ended. */
export const stepNames = [
  'outer: accepted, checked, queued',
  'outer: sealed, signed',
  'outer: committed, spooled, sent',
  'import: crossed',
  'inner: verified, opened',
  'inner: committed, decided',
  'inner: upstream called, answered',
  'inner: masked, queued',
  'inner: sealed, signed',
  'inner: committed, spooled, sent',
  'export: crossed',
  'outer: verified, opened',
  'outer: checked, released',
  'outer: committed, answer written',
] as const;

export interface StepTimes {
  /** Exchanges whose every step is in the logs. */
  readonly exchanges: number;
  /** Mean of each step, in the order of `stepNames`. */
  readonly meanMs: readonly number[];
}

/** What a package went through; times of both nodes, whose clock is one. */
type PackageTimes = Partial<Record<'sealing' | 'sealed' | 'sent' | 'collected' | 'opened', number>>;

interface ExchangeTimes {
  accepted?: number;
  request?: string;
  calling?: number;
  called?: number;
  answer?: string;
  released?: number;
  delivered?: number;
}

export function stepTimes(
  outer: readonly AuditEvent[],
  inner: readonly AuditEvent[],
): StepTimes | undefined {
  const packages = new Map<string, PackageTimes>();
  for (const event of [...outer, ...inner]) {
    if (event.packageId === undefined || event.exchangeId !== undefined) continue;
    const times = packages.get(event.packageId) ?? {};
    packages.set(event.packageId, times);
    notePackage(times, event);
  }
  const exchanges = new Map<string, ExchangeTimes>();
  for (const event of [...outer, ...inner]) {
    if (event.exchangeId === undefined) continue;
    const times = exchanges.get(event.exchangeId) ?? {};
    exchanges.set(event.exchangeId, times);
    noteExchange(times, event);
  }
  const all = [...exchanges.values()].flatMap((times) => {
    const { accepted, calling, called, released, delivered } = times;
    const [request, answer] = [wayOf(packages, times.request), wayOf(packages, times.answer)];
    const way = [accepted, ...request, calling, called, ...answer, released, delivered];
    return way.every((atMs) => atMs !== undefined) ? [way] : [];
  });
  const mean = (at: number): number =>
    all.reduce((sum, way) => sum + (way[at + 1] ?? 0) - (way[at] ?? 0), 0) / all.length;
  if (all.length === 0) return undefined;
  return { exchanges: all.length, meanMs: stepNames.map((_, at) => mean(at)) };
}

function notePackage(times: PackageTimes, { event, atMs, tookMs = 0 }: AuditEvent): void {
  if (event === 'seal') [times.sealing, times.sealed] = [atMs, atMs + tookMs];
  if (event === 'send') times.sent ??= atMs;
  if (event === 'collect') times.collected ??= atMs;
  if (event === 'open') times.opened ??= atMs;
}

function noteExchange(
  times: ExchangeTimes,
  { event, atMs, tookMs = 0, packageId }: AuditEvent,
): void {
  if (event === 'accept') times.accepted = atMs;
  if (event === 'decide' && packageId) times.request = packageId;
  if (event === 'call') [times.calling, times.called] = [atMs - tookMs, atMs];
  if (event === 'release') [times.released, times.answer] = [atMs, packageId ?? ''];
  if (event === 'deliver') times.delivered = atMs;
}

function wayOf(packages: ReadonlyMap<string, PackageTimes>, id = ''): (number | undefined)[] {
  const { sealing, sealed, sent, collected, opened } = packages.get(id) ?? {};
  return [sealing, sealed, sent, collected, opened];
}

/** The audit log of a running node after the block `from`. */
export async function eventsAfter(dir: string, from: number): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  for (let after = from; ; ) {
    const asked = { from: after + 1, count: 500 };
    const blocks = readAuditBlocks(await control(dir, 'audit-blocks', asked));
    for (const block of blocks) {
      for (const line of linesOf(block)) events.push(JSON.parse(line));
      after = block.sequence;
    }
    if (blocks.length === 0) return events;
  }
}
