/** What a policy says about recipients, against the rest of it: their keys, and who may undo tokens. */
import { type FieldPath, parseField } from '../content/fields.ts';
import { schemaAt } from '../content/schema.ts';
import { isOnCurve } from '../masking/jwe.ts';
import type { Draft, Placed } from './check.ts';
import type { RouteText } from './grammar.ts';
import { type Add, covers } from './references.ts';
import { untilMs } from './until.ts';

/** Faults of `detect`, `encrypt`, `encryptionKey` and `rights`. */
export function checkRecipients(draft: Draft, add: Add): void {
  const routes = new Map<string, Placed<RouteText>>();
  for (const service of draft.services) {
    for (const route of service.routes) {
      routes.set(`${service.value.name}/${route.value.name}`, route);
      checkOpen(route, draft, add);
    }
  }
  const keyless = new Set<string>();
  for (const { value, path } of draft.consumers) {
    if (value.encryptionKey === undefined) keyless.add(value.name);
    else if (!isOnCurve(value.encryptionKey)) {
      add([...path, 'encryptionKey'], 'expected a public key on P-256');
    }
  }
  for (const { value, path } of draft.grants) {
    if (!keyless.has(value.consumer)) continue;
    value.routes.forEach((flow, index) => {
      if (isEncrypted(routes.get(flow)?.value, value.fields)) {
        const who = `an encryptionKey of ${value.consumer}`;
        add([...path, 'routes', index], `expected ${who}: a mask of "${flow}" encrypts to it`);
      }
    });
  }
  checkRights(draft, add);
}

function isEncrypted(route: RouteText | undefined, granted: readonly string[]): boolean {
  const paths = granted.flatMap((field) => wrapped(parseField(field)));
  const encrypted = (route?.response.masks ?? [])
    .filter(({ transform }) => transform === 'encrypt')
    .flatMap(({ field }) => wrapped(parseField(field)));
  return encrypted.some((mask) => paths.some((path) => covers(path, mask) || covers(mask, path)));
}

/** A list of one path, or of none. */
const wrapped = (path: FieldPath | undefined): FieldPath[] => (path === undefined ? [] : [path]);

function checkOpen({ value, path }: Placed<RouteText>, draft: Draft, add: Add): void {
  const { schema: file, detect } = value.response;
  const schema = file === undefined ? undefined : draft.schemas.get(file);
  if (file !== undefined && schema === undefined) return;
  detect?.open.forEach((text, index) => {
    const field = parseField(text);
    const known = field !== undefined && schema !== undefined && schemaAt(schema, field);
    if (!known) {
      const at = [...path, 'response', 'detect', 'open', index];
      add(at, 'expected a field of the response schema');
    }
  });
}

function checkRights(draft: Draft, add: Add): void {
  const consumers = new Set(draft.consumers.map(({ value }) => value.name));
  const seen = new Set<string>();
  for (const { value, path } of draft.rights) {
    value.consumers.forEach((consumer, index) => {
      const at = [...path, 'consumers', index];
      const one = `${value.actor} ${value.may} ${consumer}`;
      if (!consumers.has(consumer) && !draft.broken.has(consumer)) {
        add(at, `expected a consumer of the policy, got "${consumer}"`);
      }
      if (seen.has(one)) {
        add(at, `expected ${value.may} of ${value.actor} for ${consumer} once`);
      }
      seen.add(one);
    });
    if (value.until !== undefined && untilMs(value.until) === undefined) {
      add([...path, 'until'], 'expected a date such as 2027-06-30, or RFC 3339 with an offset');
    }
  }
}
