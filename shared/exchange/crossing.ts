/** What one node tells the other about a request that has no answer of the service. */
import { type ErrorCode, errorTable } from '../errors.ts';

/** Codes that a caller needs and that say nothing of the inside of a node. */
const crossing: ReadonlySet<ErrorCode> = new Set([
  'DEADLINE_PASSED',
  'IN_DOUBT',
  'NOT_READY',
  'OVERLOADED',
  'PEER_REFUSED',
  'RATE_LIMITED',
  'RESPONSE_REFUSED',
  'SCAN_FAILED',
  'SCAN_FOUND',
  'UPSTREAM_REFUSED',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_TOO_LARGE',
  'UPSTREAM_UNREACHABLE',
]);

/**
 * The code that may cross. Why a request was refused stays in the audit log of who refused it; a fault
 * of the node's own leaves open what took effect. Both nodes apply it, the second to what it is told.
 */
export function crossingCode(code: ErrorCode): ErrorCode {
  if (crossing.has(code)) return code;
  return errorTable[code].outcome === 'refused' ? 'PEER_REFUSED' : 'IN_DOUBT';
}
