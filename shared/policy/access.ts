/** What each consumer gets of each field: the policy, read from the side of the data. */
import { type FieldPath, formatField, parseField } from '../content/fields.ts';
import { type Schema, typesOf } from '../content/schema.ts';
import type { Mask } from '../masking/mask.ts';
import { isInDate } from './allow.ts';
import type { DataLevel, Grant, Policy, Route } from './model.ts';
import { covers } from './references.ts';

/** What one consumer gets of one field. */
export type Access =
  | { readonly kind: 'none' }
  /** The route answers without a body, and may be called. */
  | { readonly kind: 'may' }
  /** As it is. */
  | { readonly kind: 'clear' }
  | { readonly kind: 'masked'; readonly mask: Mask }
  /** As it is, although the route masks it. */
  | {
      readonly kind: 'unmasked';
      readonly mask: Mask;
      readonly reason: string;
      readonly approver: string;
      readonly untilMs: number;
    };

/** One leaf of an answer. */
export interface FieldRow {
  readonly field: string;
  /** JSON types, such as `string or null`. */
  readonly type: string;
  readonly access: Access;
}

export interface MatrixRow {
  readonly service: string;
  readonly owner: string;
  readonly level: DataLevel;
  readonly flow: string;
  readonly methods: readonly string[];
  readonly path: string;
  /** Empty where the route answers without body. */
  readonly field: string;
  readonly type: string;
  /** In the order of `consumers`. */
  readonly access: readonly Access[];
  /** Who may call the route at all, in the same order. */
  readonly calls: readonly boolean[];
}

export interface Matrix {
  readonly atMs: number;
  readonly consumers: readonly string[];
  readonly rows: readonly MatrixRow[];
}

/** Every route with its fields, at a moment: a grant that has ended or not begun gives nothing. */
export function policyMatrix(policy: Policy, atMs: number): Matrix {
  const consumers = policy.consumers.map(({ name }) => name);
  const grants = new Map(policy.grants.map((one) => [`${one.consumer} ${one.flow}`, one]));
  const rows = policy.services.flatMap(({ name, owner, level, routes }) =>
    routes.flatMap((route): MatrixRow[] => {
      const flow = `${name}/${route.name}`;
      const { methods, path } = route;
      const granted = consumers.map((consumer) => inForce(grants.get(`${consumer} ${flow}`), atMs));
      const calls = granted.map((grant) => grant !== undefined);
      const about = { service: name, owner, level, flow, methods, path, calls };
      const columns = granted.map((grant) => fieldsFor(route, grant, atMs));
      const fields = leavesOf(route.response.schema);
      if (fields.length === 0) {
        const access = calls.map((may): Access => ({ kind: may ? 'may' : 'none' }));
        return [{ ...about, field: '', type: '', access }];
      }
      return fields.map(({ path: leaf, type }, index) => ({
        ...about,
        field: formatField(leaf),
        type,
        access: columns.map((column) => column[index]?.access ?? none),
      }));
    }),
  );
  return { atMs, consumers, rows };
}

/** What one grant gives of an answer of its route. */
export function fieldsFor(route: Route, grant: Grant | undefined, atMs: number): FieldRow[] {
  const granted = (grant?.fields ?? []).flatMap(pathOf);
  const masks = route.response.masks.map((mask) => ({ mask, paths: pathOf(mask.field) }));
  return leavesOf(route.response.schema).map(({ path, type }) => {
    const field = formatField(path);
    if (!granted.some((one) => covers(one, path))) return { field, type, access: none };
    const found = masks.find(({ paths }) => paths.some((one) => covers(one, path)));
    if (found === undefined) return { field, type, access: { kind: 'clear' } };
    const { mask } = found;
    const open = grant?.unmasked?.find((one) => one.field === mask.field && atMs < one.untilMs);
    if (open === undefined) return { field, type, access: { kind: 'masked', mask } };
    const { reason, approver, untilMs } = open;
    return { field, type, access: { kind: 'unmasked', mask, reason, approver, untilMs } };
  });
}

/** Such as `keep first 3, last 4`. */
export function maskText(mask: Mask): string {
  if (mask.transform === 'plugin') return `plugin:${mask.plugin}`;
  const { field: _field, transform, ...options } = mask;
  const details = Object.entries(options).map(([name, value]) => `${name} ${String(value)}`);
  return details.length === 0 ? transform : `${transform} ${details.join(', ')}`;
}

const none: Access = { kind: 'none' };

function inForce(grant: Grant | undefined, atMs: number): Grant | undefined {
  return grant !== undefined && isInDate(grant, atMs) ? grant : undefined;
}

const pathOf = (text: string): FieldPath[] => {
  const path = parseField(text);
  return path === undefined ? [] : [path];
};

interface Leaf {
  readonly path: FieldPath;
  readonly type: string;
}

/** Fields that hold values; a container without any is one itself. */
function leavesOf(schema: Schema | undefined, path: FieldPath = []): Leaf[] {
  if (schema === undefined) return [];
  const below = [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) =>
      leavesOf(one, [...path, name]),
    ),
    ...(schema.items === undefined ? [] : leavesOf(schema.items, [...path, null])),
  ];
  return below.length > 0 ? below : [{ path, type: typesOf(schema).join(' or ') }];
}
