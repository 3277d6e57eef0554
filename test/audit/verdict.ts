import {
  type AuditVerdict,
  createAuditVerifier,
  type VerifyOptions,
} from '@sallyport/shared/audit/verify.ts';
import type { AuditBlock } from '@sallyport/shared/store/port.ts';

/** What the verifier says of blocks that are all there. */
export function verifyAudit(
  blocks: Iterable<AuditBlock>,
  options: VerifyOptions = {},
): AuditVerdict {
  const verifier = createAuditVerifier(options);
  for (const block of blocks) if (!verifier.add(block)) break;
  return verifier.verdict();
}
