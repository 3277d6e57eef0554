/**
 * authenticate at the inner node: who signed is verified again, by this node's own policy, over
 * what the caller signed and nothing that the outer node adds. What goes on from here is what was
 * signed.
 */

import type { SignatureUse } from '@sallyport/shared/accounts/signature.ts';
import { normalisePath, type QueryPair } from '@sallyport/shared/content/path.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import type { Recognised } from '@sallyport/shared/policy/asked.ts';
import { authenticate } from '@sallyport/shared/policy/authenticate.ts';
import type { CompiledPolicy } from '@sallyport/shared/policy/compile.ts';
import type { Decision } from '@sallyport/shared/policy/decide.ts';

/** The content of a request as its consumer is known to have sent it. */
export interface Proven {
  readonly query: readonly QueryPair[];
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
  readonly use?: SignatureUse;
  /** The body is what the caller sent, in the format of the route. */
  readonly asSent: boolean;
}

interface Proof {
  readonly nowMs: number;
  readonly decision: Decision;
  /** Whom a plug-in of this node recognised. */
  readonly recognised: Recognised | undefined;
}

/**
 * A request that shows nothing is taken for a consumer that may have keys: there the outer node is
 * believed, as it is that the caller of a certificate had its key. Errors: CREDENTIAL_UNKNOWN,
 * CREDENTIAL_EXPIRED, CREDENTIAL_MISSING, those of authenticate, SIGNATURE_REFUSED where
 * the request is not the one that was signed.
 */
export function prove(
  compiled: CompiledPolicy,
  header: RequestHeader,
  body: Uint8Array,
  { nowMs, decision, recognised }: Proof,
): Proven {
  const { query, contentType, signed, token, certificates, shown, method } = header;
  const sent = { query, contentType, body, asSent: shown !== undefined };
  expectInForce(compiled, header, nowMs - decision.deadlineMs);
  if (!signed && token === undefined && !certificates && !shown) {
    if (compiled.accounts.kinds.get(header.consumer)?.has('key')) return sent;
    throw new SallyportError('CREDENTIAL_MISSING', 'expected what its consumer shows, got nothing');
  }
  if (shown && !recognised) {
    throw new SallyportError('CREDENTIAL_UNKNOWN', 'expected a caller that a plug-in recognises');
  }
  // It may have been on its way for as long as its answer is of use.
  const lateMs = decision.deadlineMs;
  const request = signed && { ...signed, method };
  const consumer = authenticate(compiled, {
    ...{ signed: request, token, certificates, recognised, body, nowMs, lateMs },
  });
  if (consumer.name !== header.consumer) throw other('consumer');
  if (!signed || !consumer.signed) return sent;
  const { covered, use } = consumer.signed;
  const target = normalisePath(signed.target);
  if (target.path !== header.path) throw other('path');
  const isSigned = ([name, value]: [string, string]): boolean =>
    covered.has(name) && signed.fields[name] === value;
  if (!Object.entries(header.headers).every(isSigned)) throw other('headers');
  const signedType = body.length > 0 ? signed.fields['content-type'] : undefined;
  return { query: target.query, contentType: signedType, body, use, asSent: true };
}

/**
 * A key that was revoked opens nothing more here, also where the outer node has not heard of it
 * yet. `thenMs`: when the request may have been made.
 */
function expectInForce(
  { keys, accounts }: CompiledPolicy,
  { consumer, credential }: RequestHeader,
  thenMs: number,
): void {
  if (credential === undefined || accounts.labels.get(consumer)?.has(credential)) return;
  const record = keys.get(/^key ([0-9a-f]{12})$/.exec(credential)?.[1] ?? '')?.record;
  if (record?.consumer !== consumer) {
    throw new SallyportError('CREDENTIAL_UNKNOWN', 'expected a credential of the policy in force');
  }
  if (thenMs >= (record.expiresAtMs ?? Number.POSITIVE_INFINITY)) {
    throw new SallyportError(
      'CREDENTIAL_EXPIRED',
      'expected a key in force, got one after its end',
    );
  }
}

function other(part: string): SallyportError {
  return new SallyportError('SIGNATURE_REFUSED', `expected the ${part} that was signed`);
}
