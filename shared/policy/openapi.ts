/**
 * A starting policy for an existing JSON API, made from its OpenAPI 3.0 or 3.1 document. It is as
 * closed as it can be and still work: only described routes, parameters and fields, and every value
 * masked until a person decides otherwise. No text of the document but names and paths gets into
 * the policy.
 */
import { type FieldPath, formatField, parseField } from '../content/fields.ts';
import { pairsFault } from '../content/pairs.ts';
import { type Schema, typesOf } from '../content/schema.ts';
import { counted } from '../counted.ts';
import { detect } from '../detect/propose.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { requirePolicy } from './check.ts';
import { type Method, methodNames, type Policy, templateParams } from './model.ts';
import { closeSchema, isOpen, type Open, resolveRef } from './openapi-schema.ts';
import { type StartingRoute, writeStartingPolicy } from './openapi-yaml.ts';
import { templateSegments } from './routes.ts';
import { type PolicySource, readDocument } from './source.ts';

export interface StartingPolicy {
  /** Text of policy.yaml. */
  readonly yaml: string;
  /** File name, such as `schemas/get-citizen-response.json`, → text. */
  readonly schemas: Readonly<Record<string, string>>;
  /** The one consumer, who has a grant for every route. */
  readonly consumers: readonly string[];
  readonly routes: readonly {
    readonly flow: string;
    readonly method: Method;
    readonly path: string;
  }[];
  /** Fields for which a mask is proposed, and how many of these because of samples. */
  readonly proposed: number;
  readonly bySamples: number;
}

export interface StartingOptions {
  readonly service: string;
  readonly upstream: string;
  /**
   * Values that a field (`$.idNumber`) was seen to hold, by which a mask is proposed. They are looked at
   * and forgotten.
   */
  readonly samples?: ((field: string) => readonly (string | number)[]) | undefined;
}

/**
 * `document`: JSON or YAML text, untrusted; only references into itself are followed.
 * Errors: POLICY_INVALID where it is no OpenAPI 3 document or describes no route that can be
 * closed.
 */
export function policyFromOpenApi(document: string, options: StartingOptions): StartingPolicy {
  return startFromOpenApi(document, options).made;
}

/** The same as a policy in normal form, to compare with another. Errors: POLICY_INVALID. */
export function policyOfOpenApi(document: string, options: StartingOptions): Policy {
  return startFromOpenApi(document, options).policy;
}

function startFromOpenApi(
  document: string,
  options: StartingOptions,
): { made: StartingPolicy; policy: Policy } {
  const source = readDocument('openapi', document, limits.openApiBytesMax);
  const [broken] = source.faults;
  if (broken !== undefined) throw invalid(`${broken.message} (line ${broken.line})`);
  const root = source.value;
  if (!isOpen(root) || !isVersion3(root.openapi) || !isOpen(root.paths)) {
    throw invalid('expected an OpenAPI 3.0 or 3.1 document with paths, got another');
  }
  const { samples } = options;
  const found: StartingRoute[] = [];
  const skipped: string[] = [];
  for (const [path, item] of Object.entries(root.paths)) {
    for (const method of methodNames) {
      const operation = isOpen(item) ? item[method.toLowerCase()] : undefined;
      if (!isOpen(item) || !isOpen(operation)) continue;
      if (found.length >= limits.openApiRoutesMax) {
        throw invalid(`expected at most ${limits.openApiRoutesMax} routes`);
      }
      const route = readRoute({ root, path, method, item, operation, found, samples });
      if (typeof route === 'string') skipped.push(`${method} ${safePath(path)}: ${route}`);
      else found.push(route);
    }
  }
  if (found.length === 0) throw invalid('expected a route that can be closed, got none');
  const made = writeStartingPolicy(found, skipped, options);
  // The proof that the text is a policy; it also catches a wrong upstream or service name.
  const schemas = textsOf(made.schemas);
  const policy = requirePolicy({ file: 'policy.yaml', text: made.yaml, schemas });
  return { made, policy };
}

/** YAML reads an unquoted `3.1` as a number. */
function isVersion3(version: unknown): boolean {
  const isText = typeof version === 'string' || typeof version === 'number';
  return isText && /^3\.[01](\.|$)/.test(String(version));
}

function textsOf(schemas: StartingPolicy['schemas']): PolicySource['schemas'] {
  return Object.fromEntries(Object.entries(schemas).map(([name, text]) => [name, { text }]));
}

interface Operation {
  readonly root: unknown;
  readonly path: string;
  readonly method: Method;
  readonly item: Open;
  readonly operation: Open;
  readonly found: readonly StartingRoute[];
  readonly samples: StartingOptions['samples'];
}

/** The route, or in words why there is none. */
function readRoute(one: Operation): StartingRoute | string {
  const { root, path, method, operation } = one;
  try {
    templateSegments(path);
  } catch {
    return 'its path has another form than /literal/{parameter}';
  }
  if (/^\/exchanges(\/|$)/.test(path)) return 'its path is one of the gateway itself';
  const params = templateParams(path);
  if (new Set(params).size !== params.length) return 'two of its parameters have one name';
  const shape = path.replace(/\{[^}]*\}/g, '{}');
  const same = (other: StartingRoute): boolean =>
    other.method === method && other.path.replace(/\{[^}]*\}/g, '{}') === shape;
  if (one.found.some(same)) return 'another route has the same path';
  const notes: string[] = [];
  const body = method === 'GET' ? undefined : readBody(root, operation, notes);
  if (body === 'none') return 'its request body is no JSON that can be closed';
  const response = readResponse(root, operation, notes);
  const query = readParams(one, 'query', notes);
  const name = nameOf(one);
  return {
    name,
    method,
    path,
    params: params.length === 0 ? undefined : readParams(one, 'path', notes),
    query: Object.keys(query.properties ?? {}).length === 0 ? undefined : query,
    body,
    ...response,
    masks:
      response.schema === undefined
        ? []
        : leavesOf(response.schema, []).map((mask) => withProposal(mask, one.samples)),
    notes,
  };
}

function nameOf({ operation, method, path, found }: Operation): string {
  const id =
    typeof operation.operationId === 'string' ? operation.operationId : `${method} ${path}`;
  const name =
    id
      .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 56) || 'route';
  const taken = found.filter(
    (other) => other.name === name || other.name.startsWith(`${name}-`),
  ).length;
  return found.some((other) => other.name === name) ? `${name}-${taken + 1}` : name;
}

/**
 * Parameters of one place as a closed object; a path parameter without a usable schema is a short
 * string.
 */
function readParams(
  { root, item, operation, path }: Operation,
  place: 'path' | 'query',
  notes: string[],
): Schema {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const raw of [...listOf(item.parameters), ...listOf(operation.parameters)]) {
    const parameter = resolveRef(root, raw);
    const name = parameter?.name;
    if (parameter?.in !== place || typeof name !== 'string' || !/^[\w.[\]-]{1,64}$/.test(name))
      continue;
    const { schema } = closeSchema(root, parameter.schema);
    const usable =
      schema === undefined
        ? undefined
        : ({ type: 'object', properties: { [name]: schema } } as const);
    if (
      schema === undefined ||
      usable === undefined ||
      pairsFault(usable, place === 'query') !== undefined
    ) {
      notes.push(`${place} parameter ${name} has no plain schema`);
      continue;
    }
    properties[name] = schema;
    if (parameter.required === true) required.push(name);
  }
  if (place === 'query') return closedObject(properties, required);
  const names = templateParams(path);
  const short: Schema = { type: 'string', minLength: 1, maxLength: 128 };
  return closedObject(
    Object.fromEntries(names.map((name) => [name, properties[name] ?? short])),
    names,
  );
}

function closedObject(properties: Record<string, Schema>, required: readonly string[]): Schema {
  return {
    type: 'object',
    properties,
    required: [...new Set(required)],
    additionalProperties: false,
  };
}

function readBody(root: unknown, operation: Open, notes: string[]): Schema | undefined | 'none' {
  if (operation.requestBody === undefined) return undefined;
  const closed = jsonSchemaOf(root, resolveRef(root, operation.requestBody));
  if (closed?.schema === undefined) return 'none';
  notes.push(...closed.notes.map((note) => `request ${note}`));
  return closed.schema;
}

function readResponse(
  root: unknown,
  operation: Open,
  notes: string[],
): { statuses: number[]; schema: Schema | undefined } {
  const responses = isOpen(operation.responses) ? operation.responses : {};
  const statuses = Object.keys(responses).filter((status) => /^2\d\d$/.test(status));
  const described = statuses.find((status) => isOpen(resolveRef(root, responses[status])?.content));
  const closed = jsonSchemaOf(
    root,
    resolveRef(root, responses[described ?? '2XX'] ?? responses.default),
  );
  notes.push(...(closed?.notes ?? []));
  const scalar = closed?.schema !== undefined && !/object|array/.test(String(closed.schema.type));
  if (scalar) notes.push('$ left out: a document without members');
  return {
    statuses: statuses.length === 0 ? [200] : statuses.map(Number).toSorted((a, b) => a - b),
    schema: scalar ? undefined : closed?.schema,
  };
}

function jsonSchemaOf(
  root: unknown,
  described: Open | undefined,
): ReturnType<typeof closeSchema> | undefined {
  const content = described?.content;
  const media = isOpen(content) ? content['application/json'] : undefined;
  return isOpen(media) ? closeSchema(root, media.schema) : undefined;
}

/** Every value of a document, with the transform that hides it. */
function leavesOf(schema: Schema, path: FieldPath): StartingRoute['masks'] {
  const types = typesOf(schema);
  const members = Object.entries(schema.properties ?? {});
  const below = members.flatMap(([name, member]) => leavesOf(member, [...path, name]));
  if (schema.items !== undefined) below.push(...leavesOf(schema.items, [...path, null]));
  const isContainer = types.includes('object') || types.includes('array');
  // A value beside a container would be under no mask of what is in it.
  const isAlone = types.every((type) => ['object', 'array', 'null'].includes(type));
  if (isContainer && isAlone) return below;
  if (isContainer) return [{ field: formatField(path), transform: 'fixed' }];
  return [{ field: formatField(path), transform: types.includes('string') ? 'fixed' : 'null' }];
}

/** All of a value stays hidden; beside it stands what its name and its samples speak for. */
function withProposal(
  mask: StartingRoute['masks'][number],
  samples: StartingOptions['samples'],
): StartingRoute['masks'][number] {
  if (mask.transform === 'null') return mask;
  const fieldName = parseField(mask.field)?.findLast((step) => step !== null) ?? '';
  const found = detect(fieldName, samples?.(mask.field) ?? []);
  if (found === undefined) return mask;
  const seen = found.samples > 0 ? `, ${counted(found.samples, 'sample')}` : ', by its name';
  const { transform, ...options } = found.mask;
  const details = Object.entries(options).map(([name, value]) => `, ${name}: ${value}`);
  const proposal = `${found.kind}${seen}: transform: ${transform}${details.join('')}`;
  return { ...mask, proposal, bySamples: found.samples > 0 };
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function safePath(path: string): string {
  return path.slice(0, 100).replace(/[^\w/{}.-]/g, '?');
}

function invalid(message: string): SallyportError {
  return new SallyportError('POLICY_INVALID', message, {
    hint: 'give the OpenAPI 3.0 or 3.1 document of the service, as JSON or YAML',
  });
}
