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
  let line = '';
  for (const name in event) {
    const write = fields[name];
    if (write === undefined) throw refusal('no field besides those of an audit event');
    const value: unknown = event[name as keyof AuditEvent];
    if (value === undefined) continue;
    const written = write(value);
    if (written === undefined) throw refusal(`a fitting field ${name}`);
    line += `${line === '' ? '{' : ','}"${name}":${written}`;
  }
  line += '}';
  if (line.length > limits.auditEventBytesMax) throw refusal('an event in its limits');
  return line;
}

/** JSON of a value; undefined where it does not fit its field. */
type Write = (value: unknown) => string | undefined;

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= limits.auditTextLengthMax;

const text: Write = (value) => (isText(value) ? JSON.stringify(value) : undefined);
const number: Write = (value) => (Number.isFinite(value) ? String(value) : undefined);
/** In ms, to the microsecond. */
const duration: Write = (value) =>
  typeof value === 'number' ? number(Math.round(value * 1000) / 1000) : undefined;
const code: Write = (value) => (isErrorCode(value) ? `"${value}"` : undefined);
const rules: Write = (value) => {
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = Object.entries(value);
  const fits =
    entries.length <= limits.auditRulesMax &&
    entries.every(([rule, count]) => isText(rule) && Number.isSafeInteger(count));
  return fits ? JSON.stringify(value) : undefined;
};

/** No prototype: a field named like a method of objects is as unknown as any other. */
const fields: Readonly<Record<string, Write>> = Object.assign(Object.create(null), {
  event: text,
  atMs: number,
  exchangeId: text,
  packageId: text,
  lane: text,
  sequence: number,
  consumer: text,
  flow: text,
  code,
  status: number,
  count: number,
  bytes: number,
  digest: text,
  tookMs: duration,
  byMs: number,
  policyVersion: number,
  plan: text,
  rule: text,
  source: text,
  risk: number,
  rules,
  actor: text,
} satisfies Record<keyof AuditEvent, Write>);

/** Never the name or value that was refused: it may be what must not be in a log. */
function refusal(expected: string): SallyportError {
  return new SallyportError('INTERNAL', `expected ${expected}, got something else`);
}
