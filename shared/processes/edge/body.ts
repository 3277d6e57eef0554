/** Request bodies in bounded memory: each call has a maximum, and all calls together have one. */
import type { IncomingMessage } from 'node:http';
import { SallyportError } from '../../errors.ts';
import { bodyTooLarge } from './call-head.ts';

/** Bytes of bodies that the edge holds at the moment. */
export interface BodyBudget {
  bytes: number;
  readonly bytesMax: number;
}

export interface BodyHolder {
  /** Bytes charged to the budget for this call; whoever ends the call gives them back. */
  bodyBytes: number;
}

/**
 * Collects the body and calls one of the two, or neither where the caller left. Errors: REQUEST_TOO_LARGE,
 * OVERLOADED (all bodies together).
 */
export function collectBody(
  req: IncomingMessage,
  holder: BodyHolder,
  budget: BodyBudget,
  bytesMax: number,
  onBody: (body: Buffer) => void,
  onRefused: (error: SallyportError) => void,
): void {
  const chunks: Buffer[] = [];
  const refuse = (error: SallyportError): void => {
    req.off('data', take).off('end', finish).pause();
    onRefused(error);
  };
  const take = (chunk: Buffer): void => {
    holder.bodyBytes += chunk.length;
    budget.bytes += chunk.length;
    if (holder.bodyBytes > bytesMax) refuse(bodyTooLarge(bytesMax));
    else if (budget.bytes > budget.bytesMax) refuse(noRoom());
    else chunks.push(chunk);
  };
  const finish = (): void => {
    const [first] = chunks;
    onBody(first && chunks.length === 1 ? first : Buffer.concat(chunks));
  };
  req.on('data', take).on('end', finish);
}

function noRoom(): SallyportError {
  return new SallyportError('OVERLOADED', 'expected room for a body, got none');
}
