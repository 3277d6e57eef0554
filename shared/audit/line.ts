/**
 * One event as one line of JSON. This is the gate that keeps values out of the log: a field that
 * AuditEvent does not have, or a field of another type, is a fault of the caller.
 */
import { isErrorCode, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { AuditEvent } from '../ports.ts';
import { isAuditEventName } from './events.ts';

/** JSON of the event, without the line's end. INTERNAL where the event is not of the closed form. */
export function lineOf(event: AuditEvent): string {
  if (!isAuditEventName(event.event) || event.event === 'checkpoint') {
    throw refusal('an event of the catalogue');
  }
  for (const name in event) {
    const fits = fields[name];
    if (fits === undefined) throw refusal('no field besides those of an audit event');
    const value: unknown = event[name as keyof AuditEvent];
    if (value !== undefined && !fits(value)) throw refusal(`a fitting field ${name}`);
  }
  const { tookMs } = event;
  const line = JSON.stringify(
    tookMs === undefined ? event : { ...event, tookMs: toMicroseconds(tookMs) },
  );
  if (line.length > limits.auditEventBytesMax) throw refusal('an event in its limits');
  return line;
}

const toMicroseconds = (ms: number): number => Math.round(ms * 1000) / 1000;

const isText = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= limits.auditTextLengthMax;

const areRules = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= limits.auditRulesMax &&
    entries.every(([rule, count]) => isText(rule) && Number.isSafeInteger(count))
  );
};

type Fits = (value: unknown) => boolean;

/** No prototype: a field named like a method of objects is as unknown as any other. */
const fields: Readonly<Record<string, Fits>> = Object.assign(Object.create(null), {
  event: isText,
  atMs: Number.isFinite,
  exchangeId: isText,
  packageId: isText,
  lane: isText,
  sequence: Number.isFinite,
  consumer: isText,
  flow: isText,
  code: isErrorCode,
  status: Number.isFinite,
  count: Number.isFinite,
  bytes: Number.isFinite,
  digest: isText,
  tookMs: Number.isFinite,
  byMs: Number.isFinite,
  policyVersion: Number.isFinite,
  plan: isText,
  rule: isText,
  source: isText,
  risk: Number.isFinite,
  rules: areRules,
  actor: isText,
} satisfies Record<keyof AuditEvent, Fits>);

/** Never the name or value that was refused: it may be what must not be in a log. */
function refusal(expected: string): SallyportError {
  return new SallyportError('INTERNAL', `expected ${expected}, got something else`);
}
