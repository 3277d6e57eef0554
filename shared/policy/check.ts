/**
 * From files to a policy: read, check, put into normal form. Every fault is reported at once, each
 * with its file and line; a part with a fault does not make faults out of what refers to it.
 */
import type { z } from 'zod';
import { readSchema, type Schema } from '../content/schema.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readXsds } from './content.ts';
import { withCredentialFiles } from './credential-files.ts';
import { expandDenies } from './denies.ts';
import {
  consumerShape,
  fileShape,
  type GrantText,
  grantShape,
  groupShape,
  type RouteText,
  rightShape,
  routeShape,
  serviceShape,
  shapeFaults,
  withoutUnknown,
} from './grammar.ts';
import { checkGroups, expandGrants } from './groups.ts';
import type { Fault, Policy } from './model.ts';
import { normalisePolicy } from './normalise.ts';
import { pluginShape } from './plugins.ts';
import { referenceFaults } from './references.ts';
import { type PolicySource, readDocument, type SourceDocument, type SourcePath } from './source.ts';
import { type DenyText, denyTextShape } from './terms.ts';

/** What could be read of the files: each part with its place, faulty parts by name alone. */
export interface Draft {
  readonly services: readonly DraftService[];
  readonly consumers: readonly Placed<z.infer<typeof consumerShape>>[];
  /** One for each consumer, also those of groups. */
  readonly grants: readonly Placed<GrantText>[];
  readonly deny: readonly Placed<DenyText>[];
  readonly plugins: readonly Placed<z.infer<typeof pluginShape>>[];
  readonly rights: readonly Placed<z.infer<typeof rightShape>>[];
  /** Names of parts that have a fault of their own: `consumer`, `service` or `service/route`. */
  readonly broken: ReadonlySet<string>;
  /** File name → schema; undefined where the file has a fault. */
  readonly schemas: ReadonlyMap<string, Schema | undefined>;
  /** File name → text of an XML Schema; absent where it has a fault. */
  readonly xsds: ReadonlyMap<string, string>;
}

export interface Placed<T> {
  readonly value: T;
  readonly path: SourcePath;
}

export interface DraftService extends Placed<z.infer<typeof serviceShape>> {
  readonly routes: readonly Placed<z.infer<typeof routeShape>>[];
}

export type Checked =
  | { readonly policy: Policy; readonly faults: readonly [] }
  | { readonly policy?: undefined; readonly faults: readonly Fault[] };

/**
 * Checks files of the policy's author as of `nowMs`. Never throws; at most `policyFaultsMax` faults, in file
 * order.
 */
export function checkPolicy(source: PolicySource, nowMs: number = Date.now()): Checked {
  const document = readDocument(source.file, source.text);
  if (document.faults.length > 0) return { faults: inOrder(source, document.faults) };
  const faults: Fault[] = [];
  const draft = readDraft(source, document, faults);
  for (const { path, message } of referenceFaults(draft, nowMs))
    faults.push(document.faultAt(path, message));
  if (faults.length > 0) return { faults: inOrder(source, faults) };
  return { policy: normalisePolicy(draft), faults: [] };
}

/** The policy, or all faults as one error. Errors: POLICY_INVALID, one line for each fault. */
export function requirePolicy(source: PolicySource): Policy {
  const { policy, faults } = checkPolicy(source);
  if (policy !== undefined) return policy;
  throw new SallyportError('POLICY_INVALID', faults.map(formatFault).join('\n'), {
    hint: 'correct the lines above; `sallyport policy check` shows them again',
  });
}

/** `policy.yaml:12:5 services[0].level: expected core or important or general`. */
export function formatFault(fault: Fault): string {
  const path = fault.path === '' ? '' : ` ${fault.path}`;
  return `${fault.file}:${fault.line}:${fault.column}${path}: ${fault.message}`;
}

function readDraft(source: PolicySource, document: SourceDocument, faults: Fault[]): Draft {
  const broken = new Set<string>();
  const read = <S extends z.ZodType>(shape: S, value: unknown, path: SourcePath, owner = '') => {
    const result = shape.safeParse(value);
    if (result.success) return { value: result.data, path };
    for (const fault of shapeFaults(result.error)) {
      faults.push(document.faultAt([...path, ...fault.path], fault.message));
    }
    const rest = shape.safeParse(withoutUnknown(value, result.error));
    if (rest.success) return { value: rest.data, path };
    broken.add(owner + nameOf(value));
    return undefined;
  };
  const list = <S extends z.ZodType>(
    shape: S,
    values: readonly unknown[],
    path: SourcePath,
    owner = '',
  ) => values.flatMap((value, index) => read(shape, value, [...path, index], owner) ?? []);

  read(fileShape, document.value ?? {}, []);
  const services = listIn(document.value, 'services').map((raw, index) => {
    const path = ['services', index];
    const owner = `${nameOf(raw)}/`;
    return {
      path,
      value: read(serviceShape, raw, path)?.value,
      routes: list(routeShape, listIn(raw, 'routes'), [...path, 'routes'], owner),
    };
  });
  const routes = services.flatMap((service) => service.routes);
  const raw = listIn(document.value, 'consumers');
  const found = raw.map((consumer) => withCredentialFiles(consumer, source.schemas));
  const consumers = list(consumerShape, found, ['consumers']);
  const groups = list(groupShape, listIn(document.value, 'consumerGroups'), ['consumerGroups']);
  const grants = list(grantShape, listIn(document.value, 'grants'), ['grants']);
  const add = (path: SourcePath, message: string): void => {
    faults.push(document.faultAt(path, message));
  };
  const names = new Set([...consumers.map(({ value }) => value.name), ...broken]);
  checkGroups(groups, (name) => names.has(name), add);
  return {
    services: services.flatMap(({ value, ...rest }) => (value ? [{ ...rest, value }] : [])),
    consumers,
    grants: expandGrants(grants, groups, (name) => broken.has(name), add),
    deny: expandDenies(
      list(denyTextShape, listIn(document.value, 'deny'), ['deny']),
      groups,
      (name) => broken.has(name),
      add,
    ),
    plugins: list(pluginShape, listIn(document.value, 'plugins'), ['plugins']),
    rights: list(rightShape, listIn(document.value, 'rights'), ['rights']),
    broken,
    schemas: readSchemas(source, routes, document, faults),
    xsds: readXsds(source, routes, (path, message) => {
      faults.push(document.faultAt(path, message));
    }),
  };
}

function readSchemas(
  source: PolicySource,
  routes: readonly Placed<RouteText>[],
  document: SourceDocument,
  faults: Fault[],
): Map<string, Schema | undefined> {
  const schemas = new Map<string, Schema | undefined>();
  for (const { value, path } of routes) {
    const { params, query, body } = value.request;
    const named = { params, query, body };
    for (const [key, file] of [
      ...Object.entries(named),
      ['schema', value.response.schema] as const,
    ]) {
      if (file === undefined || schemas.has(file)) continue;
      const found = Object.hasOwn(source.schemas, file) ? source.schemas[file] : undefined;
      if (found !== undefined && 'text' in found) {
        schemas.set(file, readSchemaFile(file, found.text, faults));
      } else {
        const part = key === 'schema' ? 'response' : 'request';
        const message = found?.fault ?? 'expected a schema file, got none';
        schemas.set(file, undefined);
        faults.push(document.faultAt([...path, part, key], message));
      }
    }
  }
  return schemas;
}

function readSchemaFile(file: string, text: string, faults: Fault[]): Schema | undefined {
  const document = readDocument(file, text);
  faults.push(...document.faults);
  if (document.faults.length > 0) return undefined;
  const read = readSchema(document.value);
  for (const { path, message } of read.faults) faults.push(document.faultAt(path, message));
  return read.schema;
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('name' in value)) return '';
  return typeof value.name === 'string' ? value.name : '';
}

function listIn(value: unknown, name: keyof z.infer<typeof fileShape> | 'routes'): unknown[] {
  const list: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : [];
  return Array.isArray(list) ? list : [];
}

function inOrder(source: PolicySource, faults: readonly Fault[]): Fault[] {
  const rank = (fault: Fault): number => (fault.file === source.file ? 0 : 1);
  return faults
    .toSorted(
      (a, b) =>
        rank(a) - rank(b) || a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
    )
    .slice(0, limits.policyFaultsMax);
}
