import type { AuditLog } from '../../audit/log.ts';
import { limits } from '../../limits.ts';
import type { Signer } from '../../ports.ts';

/** Signs the head of the audit chain with the audit key from time to time. */
export function checkpoints(audit: AuditLog, signer: Signer, flush: () => void): NodeJS.Timeout {
  return setInterval(() => {
    audit
      .checkpoint((digest) => signer.sign('audit', digest))
      .then(flush)
      // Without a signer there is no checkpoint; the next one covers the same events.
      .catch(() => {});
  }, limits.auditCheckpointMs);
}
