/** The limits that the edge keeps; each may be tightened or widened by the node's configuration. */
import type { limits } from '../../limits.ts';

type EdgeLimitName = Extract<keyof typeof limits, `edge${string}` | `upstream${string}`>;

export type EdgeLimits = Readonly<Record<EdgeLimitName, number>>;
