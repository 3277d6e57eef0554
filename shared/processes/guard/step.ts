import type { AuditEvent } from '../../ports.ts';
import type { GuardContext } from './context.ts';

/** Runs one step of the journey and writes its audit event. A step that throws leaves that to its journey. */
export function step<T>(
  node: Pick<GuardContext, 'audit' | 'now'>,
  event: string,
  about: Omit<AuditEvent, 'event' | 'atMs' | 'tookMs'>,
  work: () => T,
): T {
  const startedMs = performance.now();
  const value = work();
  const tookMs = Math.round((performance.now() - startedMs) * 1000) / 1000;
  node.audit.append({ event, atMs: node.now(), ...about, tookMs });
  return value;
}
