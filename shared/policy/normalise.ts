/**
 * A checked draft in normal form: one grant for each pair, one order, schemas in place of file
 * names.
 */
import { type FieldPath, formatField, parseField } from '../content/fields.ts';
import type { Json } from '../content/json.ts';
import { type Schema, schemaAt } from '../content/schema.ts';
import type { Mask } from '../masking/mask.ts';
import type { Detect } from '../masking/net-rule.ts';
import type { Draft, DraftService } from './check.ts';
import { contentOf } from './content.ts';
import { inOrder } from './credential-text.ts';
import { deniesOf } from './denies.ts';
import { filesOf } from './files.ts';
import { type ConsumerText, deadlineOf, type GrantText, type RouteText } from './grammar.ts';
import {
  type ConsumerEntry,
  type Grant,
  noCredentials,
  type Policy,
  type Right,
  type Route,
  type Service,
} from './model.ts';
import type { PluginEntry } from './plugins.ts';
import { exceptionsOf, ratesOf, termsOf } from './terms.ts';
import { untilMs } from './until.ts';

/** Only for drafts without faults. */
export function normalisePolicy(draft: Draft): Policy {
  const services = draft.services.map((service) => serviceOf(service, draft));
  const routes = new Map<string, Route>();
  for (const service of services) {
    for (const route of service.routes) routes.set(`${service.name}/${route.name}`, route);
  }
  return {
    services: services.toSorted(by((service) => service.name)),
    consumers: draft.consumers
      .map(({ value }) => consumerOf(value))
      .toSorted(by((consumer) => consumer.name)),
    grants: draft.grants
      .flatMap(({ value }) => value.routes.map((flow) => grantOf(value, flow, routes.get(flow))))
      .toSorted(by((grant) => `${grant.consumer} ${grant.flow}`)),
    ...(draft.deny.length > 0 && { deny: deniesOf(draft) }),
    credentials: noCredentials,
    ...(draft.plugins.length > 0 && { plugins: pluginsOf(draft) }),
    ...(draft.rights.length > 0 && { rights: rightsOf(draft) }),
  };
}

/**
 * The fields of a list that a route's schema knows; a grant for several routes names the fields of
 * all.
 */
export function knownFields(fields: readonly string[], schema: Schema | undefined): FieldPath[] {
  if (schema === undefined) return [];
  return fields.flatMap((field) => {
    const path = parseField(field);
    return path !== undefined && schemaAt(schema, path) !== undefined ? [path] : [];
  });
}

function serviceOf({ value, routes }: DraftService, draft: Draft): Service {
  return {
    name: value.name,
    owner: value.owner,
    level: value.level,
    upstream: {
      targets: value.upstream.targets
        .map(({ url, weight }) => ({ url: baseUrl(url), weight }))
        .toSorted(by((target) => target.url)),
      timeoutMs: value.upstream.timeoutMs,
    },
    routes: routes.map((route) => routeOf(route.value, draft)).toSorted(by((route) => route.name)),
  };
}

function routeOf(text: RouteText, { schemas, xsds }: Draft): Route {
  const read = (file: string | undefined): Schema | undefined =>
    file === undefined ? undefined : schemas.get(file);
  const schema = (key: string, file: string | undefined): Record<string, Schema> => {
    const known = read(file);
    return known === undefined ? {} : { [key]: known };
  };
  const { request, response } = text;
  return {
    name: text.name,
    methods: text.match.methods.toSorted(),
    path: text.match.path,
    timeoutMs: text.timeoutMs,
    deadlineMs: deadlineOf(text),
    idempotent: text.idempotent || text.idempotencyKey,
    idempotencyKey: text.idempotencyKey,
    request: {
      ...schema('params', request.params),
      ...schema('query', request.query),
      ...schema('body', request.body),
      ...contentOf(request.content, xsds),
      ...filesOf(request.files, read(request.body)),
      headers: request.headers.toSorted(),
      ...checksOf(request.checks),
    },
    response: {
      statuses: response.statuses.toSorted((a, b) => a - b),
      ...schema('schema', response.schema),
      ...contentOf(response.content, xsds),
      ...filesOf(response.files, read(response.schema)),
      headers: response.headers.toSorted(),
      masks: response.masks.map(maskOf).toSorted(by((mask) => mask.field)),
      ...detectOf(response.detect),
      ...checksOf(response.checks),
    },
  };
}

/** What is as without a word is left out, so that one meaning has one form. */
function detectOf(text: RouteText['response']['detect']): { detect?: Detect } {
  if (text === undefined) return {};
  const { hit, open, bankCards, plugins } = text;
  const says = [...open, ...bankCards, ...plugins];
  if (hit === 'mask' && says.length === 0) return {};
  const fields = open.map((one) => formatField(parseField(one) ?? [])).toSorted();
  const cards = bankCards.length > 0 && { bankCards: [...new Set(bankCards)].toSorted() };
  const found = plugins.length > 0 && { plugins: [...new Set(plugins)].toSorted() };
  return { detect: { hit, open: fields, ...cards, ...found } };
}

function checksOf(names: readonly string[]): { checks?: string[] } {
  return names.length === 0 ? {} : { checks: [...new Set(names)].toSorted() };
}

function pluginsOf(draft: Draft): PluginEntry[] {
  const entries = draft.plugins.map(({ value: { name, kind, digest, options, headers } }) => ({
    ...{ name, kind, digest },
    // The shape lets JSON through and nothing else.
    ...(options !== undefined && { options: options as Json }),
    ...(headers !== undefined && { headers }),
  }));
  return entries.toSorted(by((entry) => entry.name));
}

function consumerOf({ encryptionKey, ...text }: ConsumerText): ConsumerEntry {
  const consumer = { ...text, credentials: inOrder(text.credentials) };
  if (encryptionKey === undefined) return consumer;
  const { kid, ...key } = encryptionKey;
  return { ...consumer, encryptionKey: { ...key, ...(kid !== undefined && { kid }) } };
}

function rightsOf(draft: Draft): Right[] {
  const rights = draft.rights.flatMap(({ value: { actor, may, consumers, until } }) => {
    const untilAt = until === undefined ? undefined : untilMs(until);
    const end = untilAt === undefined ? {} : { untilMs: untilAt };
    return consumers.map((consumer) => ({ actor, may, consumer, ...end }));
  });
  return rights.toSorted(by(({ actor, may, consumer }) => `${actor} ${may} ${consumer}`));
}

function maskOf(mask: Mask): Mask {
  return { ...mask, field: formatField(parseField(mask.field) ?? []) };
}

function grantOf(text: GrantText, flow: string, route: Route | undefined): Grant {
  const { schema, masks = [] } = route?.response ?? {};
  const unmasked = exceptionsOf(text.unmasked, new Set(masks.map((mask) => mask.field)));
  return {
    consumer: text.consumer,
    flow,
    fields: knownFields(text.fields, schema).map(formatField).toSorted(),
    ...termsOf(text),
    ...(text.limits && { limits: ratesOf(text.limits) }),
    ...(unmasked.length > 0 && { unmasked }),
  };
}

/** Origin and path without a trailing slash. */
function baseUrl(text: string): string {
  const { origin, pathname } = new URL(text);
  return origin + pathname.replace(/\/+$/, '');
}

function by<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}
