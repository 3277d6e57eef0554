/** What one consumer gets of one route, ready to mask documents that are no answers: files. */
import { formatField, parseField } from '../content/fields.ts';
import type { Rewrite } from '../content/rewrite.ts';
import { type Schema, typesOf } from '../content/schema.ts';
import type { Walk } from '../content/walk.ts';
import { SallyportError } from '../errors.ts';
import type { Mask } from '../masking/mask.ts';
import type { Detect } from '../masking/net-rule.ts';
import type { OpenWalk } from '../masking/open.ts';
import { compileOpenRecords, compileRecords } from '../masking/rules.ts';
import type { SecretsOf } from '../masking/secrets.ts';
import type { PluginUse } from '../plugins/ask.ts';
import { pluggedOf } from './compile.ts';
import type { Policy } from './model.ts';

/** One consumer on one route, with the rules that are laid on what it gets. */
export interface FileMasking {
  readonly flow: string;
  /** Of a whole document. */
  readonly schema: Schema;
  readonly fields: readonly string[];
  readonly masks: readonly Mask[];
  readonly detect: Detect | undefined;
  /** Plug-ins that check a whole answer. */
  readonly checks: readonly PluginUse[];
  /** Masks a parsed document as the inner node would mask an answer. */
  readonly document: FileWalk;
  /** Masks one record of a file: an item, where the answer of the route is a list. */
  readonly record: FileWalk;
  /** Of one record. */
  readonly recordSchema: Schema;
  /** Members that a record can have afterwards, in the order of the schema. */
  readonly columns: readonly string[];
}

/** A walk, also from bytes to bytes, or one with places left open where plug-ins have a part in it. */
export type FileWalk =
  | { readonly walk: Walk; readonly rewrite: Rewrite; readonly open?: undefined }
  | { readonly walk?: undefined; readonly rewrite?: undefined; readonly open: OpenWalk };

type Walks = (
  schema: Schema,
  fields: readonly string[],
  masks: readonly Mask[],
  detect: Detect | undefined,
) => FileWalk;

/**
 * `flow` may be left out where the consumer has one grant with a response schema. Exceptions of a grant
 * do not count here: a file leaves more masked than an answer, never less. Errors: GRANT_MISSING.
 */
export function maskingFor(
  policy: Policy,
  consumer: string,
  flow: string | undefined,
  secretsOf: SecretsOf,
): FileMasking {
  const granted = policy.grants.flatMap((grant) => {
    const schema = routeOf(policy, grant.flow)?.response.schema;
    const isMeant = grant.consumer === consumer && (flow === undefined || grant.flow === flow);
    return isMeant && schema !== undefined ? [{ grant, schema }] : [];
  });
  const [one, ...more] = granted;
  if (one === undefined || more.length > 0) {
    const got = one === undefined ? 'none' : granted.map(({ grant }) => grant.flow).join(', ');
    throw new SallyportError('GRANT_MISSING', `expected one grant with an answer, got ${got}`, {
      hint: 'name a consumer of the policy, and a route of its grants with --route',
    });
  }
  const { grant, schema } = one;
  const route = routeOf(policy, grant.flow);
  const { masks = [], detect } = route?.response ?? {};
  const entry = policy.consumers.find(({ name }) => name === consumer);
  const recipient = {
    name: consumer,
    secrets: secretsOf(consumer),
    encryptionKey: entry?.encryptionKey,
  };
  const { fields } = grant;
  const plugins = new Map((policy.plugins ?? []).map((entry) => [entry.name, entry]));
  const plugged = route === undefined ? undefined : pluggedOf(route, masks, plugins);
  const walks: Walks = (of, own, hiding, net) => {
    const options = { recipient, detect: net };
    if (plugged === undefined) return compileRecords(of, own, hiding, options);
    return { open: compileOpenRecords(of, own, hiding, { ...options, plugged }) };
  };
  const document = walks(schema, fields, masks, detect);
  const checks = plugged?.checks ?? [];
  const parts = { flow: grant.flow, schema, fields, masks, detect, checks, document };
  const isList = typesOf(schema).includes('array') && schema.items !== undefined;
  if (!isList || schema.items === undefined) {
    const columns = columnsOf(schema, fields, masks);
    return { ...parts, record: document, recordSchema: schema, columns };
  }
  const below = (field: string): string[] => belowItems(field);
  const [own, hiding] = [
    fields.flatMap(below),
    masks.flatMap((mask) => below(mask.field).map((field) => ({ ...mask, field }))),
  ];
  const net = detect && { ...detect, open: detect.open.flatMap(below) };
  const record = walks(schema.items, own, hiding, net);
  const columns = columnsOf(schema.items, own, hiding);
  return { ...parts, record, recordSchema: schema.items, columns };
}

/** Errors: USAGE where a plug-in checks whole answers, of which a record is a part. */
export function expectWholeRecords({ checks, recordSchema, schema }: FileMasking): void {
  if (checks.length === 0 || recordSchema === schema) return;
  throw new SallyportError('USAGE', 'expected a route whose answers no plug-in checks as a whole', {
    hint: 'a record is a part of such an answer: leave the check out of the policy for files',
  });
}

function routeOf(policy: Policy, flow: string) {
  for (const service of policy.services) {
    for (const route of service.routes) {
      if (`${service.name}/${route.name}` === flow) return route;
    }
  }
  return undefined;
}

/** `$[*].name` of a list is `$.name` of its items; all of the list is all of each. */
function belowItems(field: string): string[] {
  const path = parseField(field) ?? [];
  if (path.length === 0) return ['$'];
  return path[0] === null ? [formatField(path.slice(1))] : [];
}

function columnsOf(schema: Schema, fields: readonly string[], masks: readonly Mask[]): string[] {
  const first = (field: string): string | null | undefined => parseField(field)?.[0];
  const granted = new Set(fields.map(first));
  const gone = new Set(
    masks
      .filter(({ transform, field }) => transform === 'drop' && parseField(field)?.length === 1)
      .map(({ field }) => first(field)),
  );
  const names = Object.keys(schema.properties ?? {});
  return names.filter((name) => (fields.includes('$') || granted.has(name)) && !gone.has(name));
}
