/** What one upload may unpack to, over all archives inside of it. Errors: ARCHIVE_REFUSED. */
import { limits } from '../../limits.ts';
import { archiveRefused } from './refusals.ts';

export interface Budget {
  entries: number;
  bytes: number;
}

/** A few bytes may well unpack to a few hundred times as many. */
const packedMin = 4096;

/** How much so many packed bytes may unpack to. */
export function unpackedMax(packed: number): number {
  return limits.archiveRatioMax * Math.max(packed, packedMin);
}

export function spend(budget: Budget, packed: number, size: number): void {
  budget.bytes -= size;
  if (budget.bytes < 0) throw archiveRefused('bytes');
  if (size > unpackedMax(packed)) throw archiveRefused('ratio');
}

export function count(budget: Budget): void {
  budget.entries -= 1;
  if (budget.entries < 0) throw archiveRefused('entries');
}
