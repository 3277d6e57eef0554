/**
 * What no single part of a policy can know: references, duplicates, overlaps, paths against
 * schemas.
 */
import { identityOf } from '../accounts/credential.ts';
import { type FieldPath, formatField, parseField } from '../content/fields.ts';
import { pairsFault } from '../content/pairs.ts';
import { schemaAt } from '../content/schema.ts';
import { asSallyportError } from '../errors.ts';
import { maskFault } from '../masking/mask-fault.ts';
import type { Draft, Placed } from './check.ts';
import { contentFaults } from './content.ts';
import { checkDenies } from './denies.ts';
import { fileFaults } from './files.ts';
import { deadlineOf, type GrantText, type RouteText } from './grammar.ts';
import { checkTerms } from './grant-terms.ts';
import { knownFields } from './normalise.ts';
import { checkPlugins } from './plugins.ts';
import { checkRecipients } from './recipients.ts';
import { templateSegments } from './routes.ts';
import type { SourcePath } from './source.ts';

interface PlacedFault {
  readonly path: SourcePath;
  readonly message: string;
}

/** All faults between the parts of a draft; parts that have faults of their own are left alone. */
export function referenceFaults(draft: Draft, nowMs: number): PlacedFault[] {
  const faults: PlacedFault[] = [];
  const add = (path: SourcePath, message: string): void => {
    faults.push({ path, message });
  };
  duplicates(draft.services, (service) => service.value.name, add);
  duplicates(draft.consumers, (consumer) => consumer.value.name, add);
  checkCredentials(draft, add);
  const claims = new Map<string, string>();
  for (const service of draft.services) {
    duplicates(service.routes, (route) => route.value.name, add);
    for (const route of service.routes) {
      const flow = `${service.value.name}/${route.value.name}`;
      checkPath(route, flow, claims, draft, add);
      checkTimes(route, service.value.upstream.timeoutMs, add);
      checkMasks(route, draft, add);
    }
  }
  checkGrants(draft, add);
  checkTerms(draft, nowMs, add);
  checkDenies(draft, add);
  checkRecipients(draft, add);
  checkPlugins(draft, add);
  return faults;
}

export type Add = (path: SourcePath, message: string) => void;

function duplicates<T>(
  items: readonly Placed<T>[],
  name: (item: Placed<T>) => string,
  add: Add,
): void {
  const seen = new Set<string>();
  for (const item of items) {
    if (seen.has(name(item)))
      add([...item.path, 'name'], `expected a name of its own, got "${name(item)}" again`);
    seen.add(name(item));
  }
}

function checkPath(
  { value, path }: Placed<RouteText>,
  flow: string,
  claims: Map<string, string>,
  draft: Draft,
  add: Add,
): void {
  const at = [...path, 'match', 'path'];
  let segments: ReturnType<typeof templateSegments>;
  try {
    segments = templateSegments(value.match.path);
  } catch (error) {
    add(at, asSallyportError(error).message);
    return;
  }
  if (segments[0]?.text === 'exchanges')
    add(at, 'expected another path: /exchanges is the gateway’s own');
  const shape = segments.map(({ text, parameter }) => (parameter ? '{}' : text)).join('/');
  for (const method of value.match.methods) {
    const other = claims.get(`${method} ${shape}`);
    if (other !== undefined) add(at, `expected a path of its own, got that of ${other}`);
    claims.set(`${method} ${shape}`, flow);
  }
  const names = segments.filter(({ parameter }) => parameter).map(({ text }) => text);
  if (new Set(names).size !== names.length) add(at, 'expected different names of parameters');
  checkParams(value, path, names, draft, add);
}

function checkParams(
  value: RouteText,
  path: SourcePath,
  names: string[],
  draft: Draft,
  add: Add,
): void {
  const { params, query, body } = value.request;
  const at = [...path, 'request'];
  const named = names.toSorted().join(', ');
  if (params === undefined) {
    if (names.length > 0) add(path, `expected request.params: a schema for ${named}`);
  } else {
    const schema = draft.schemas.get(params);
    const wrong = schema === undefined ? undefined : pairsFault(schema, false);
    if (wrong !== undefined) add([...at, 'params'], wrong);
    else if (
      schema &&
      Object.keys(schema.properties ?? {})
        .sort()
        .join(', ') !== named
    ) {
      add([...at, 'params'], `expected a schema with the parameters of the path: ${named}`);
    }
  }
  const querySchema = query === undefined ? undefined : draft.schemas.get(query);
  const wrong = querySchema === undefined ? undefined : pairsFault(querySchema, true);
  if (wrong !== undefined) add([...at, 'query'], wrong);
  if (body !== undefined && value.match.methods.includes('GET')) {
    add([...at, 'body'], 'expected no body on a route with GET');
  }
  const sides = [
    ['request', body],
    ['response', value.response.schema],
  ] as const;
  for (const [side, file] of sides) {
    const schema = file === undefined ? undefined : draft.schemas.get(file);
    for (const fault of contentFaults(value[side].content, schema, file !== undefined)) {
      add([...path, side, 'content', ...fault.at], fault.message);
    }
    if ((file === undefined) !== (schema === undefined)) continue;
    for (const fault of fileFaults(value[side].files, schema)) {
      add([...path, side, 'files', ...fault.at], fault.message);
    }
  }
}

function checkTimes({ value, path }: Placed<RouteText>, upstreamMs: number, add: Add): void {
  const deadlineMs = deadlineOf(value);
  if (deadlineMs < value.timeoutMs) add([...path, 'deadlineMs'], 'expected at least timeoutMs');
  if (deadlineMs < upstreamMs) {
    add(path, `expected timeoutMs or deadlineMs of at least the service's ${upstreamMs} ms`);
  }
}

function checkMasks({ value, path }: Placed<RouteText>, draft: Draft, add: Add): void {
  const { schema: file, masks } = value.response;
  const schema = file === undefined ? undefined : draft.schemas.get(file);
  if (file !== undefined && schema === undefined) return;
  const seen: FieldPath[] = [];
  masks.forEach((mask, index) => {
    const at = [...path, 'response', 'masks', index];
    const field = parseField(mask.field);
    if (field === undefined || field.length === 0) {
      add([...at, 'field'], 'expected a field such as $.name or $.items[*].name');
      return;
    }
    const fault = maskFault(mask, schema === undefined ? undefined : schemaAt(schema, field));
    if (fault !== undefined) add([...at, 'field'], fault);
    if (seen.some((other) => covers(other, field) || covers(field, other))) {
      add([...at, 'field'], 'expected a field that no other mask of the route covers');
    }
    seen.push(field);
  });
}

/** A credential leads to one consumer. */
function checkCredentials(draft: Draft, add: Add): void {
  const seen = new Set<string>();
  draft.consumers.forEach(({ value, path }, consumer) => {
    value.credentials.forEach((credential, index) => {
      const identity = identityOf(credential) ?? `key of ${consumer}`;
      if (seen.has(identity)) {
        add([...path, 'credentials', index], 'expected a credential that no other is like');
      }
      seen.add(identity);
    });
  });
}

function checkGrants(draft: Draft, add: Add): void {
  const consumers = new Set(draft.consumers.map(({ value }) => value.name));
  const routes = new Map<string, RouteText>();
  for (const { value, routes: own } of draft.services) {
    for (const route of own) {
      const flow = `${value.name}/${route.value.name}`;
      // Of two with one name the first counts: the second has a fault of its own.
      if (!routes.has(flow)) routes.set(flow, route.value);
    }
  }
  const pairs = new Set<string>();
  for (const { value, path } of draft.grants) {
    if (!consumers.has(value.consumer) && !draft.broken.has(value.consumer)) {
      add([...path, 'consumer'], `expected a consumer of the policy, got "${value.consumer}"`);
    }
    const known = value.routes.flatMap((flow, index) => {
      const route = routes.get(flow);
      const at = [...path, 'routes', index];
      const pair = `${value.consumer} ${flow}`;
      if (pairs.has(pair)) add(at, `expected one grant for ${value.consumer} on "${flow}"`);
      pairs.add(pair);
      const isBroken = draft.broken.has(flow) || draft.broken.has(flow.split('/', 1)[0] ?? '');
      if (route === undefined && !isBroken)
        add(at, `expected service/route of the policy, got "${flow}"`);
      return [route];
    });
    checkFields(value, path, known, draft, add);
  }
}

function checkFields(
  grant: GrantText,
  path: SourcePath,
  routes: readonly (RouteText | undefined)[],
  draft: Draft,
  add: Add,
): void {
  const seen: FieldPath[] = [];
  const files = routes.map((route) => route?.response.schema);
  const schemas = files.map((file) => (file === undefined ? undefined : draft.schemas.get(file)));
  // A route or schema with a fault of its own could know any field.
  const complete = routes.every((route, index) => {
    return route !== undefined && (files[index] === undefined) === (schemas[index] === undefined);
  });
  grant.fields.forEach((text, index) => {
    const at = [...path, 'fields', index];
    const field = parseField(text);
    if (field === undefined) {
      add(at, 'expected a field such as $.name or $.items[*].name');
      return;
    }
    if (
      complete &&
      !schemas.some((schema) => schema !== undefined && schemaAt(schema, field) !== undefined)
    ) {
      add(at, `expected a field of the response schema, got ${formatField(field)}`);
    }
    if (seen.some((other) => covers(other, field) || covers(field, other))) {
      add(at, 'expected a field that no other field of the grant covers');
    }
    seen.push(field);
  });
  grant.routes.forEach((flow, index) => {
    const schema = schemas[index];
    if (complete && schema !== undefined && knownFields(grant.fields, schema).length === 0) {
      add([...path, 'routes', index], `expected at least one field for "${flow}"`);
    }
  });
}

/** True where `inner` is `outer` or lies below it. */
export function covers(outer: FieldPath, inner: FieldPath): boolean {
  return outer.length <= inner.length && outer.every((step, index) => step === inner[index]);
}
