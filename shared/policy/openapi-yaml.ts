/** A starting policy as text that a person reads and edits. */
import { formatField } from '../content/fields.ts';
import type { Schema } from '../content/schema.ts';
import type { Method } from './model.ts';
import type { StartingPolicy } from './openapi.ts';

/** A route as the OpenAPI document describes it, closed. */
export interface StartingRoute {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly params: Schema | undefined;
  readonly query: Schema | undefined;
  readonly body: Schema | undefined;
  readonly statuses: readonly number[];
  readonly schema: Schema | undefined;
  readonly masks: readonly {
    readonly field: string;
    readonly transform: 'fixed' | 'null';
    /** A mask that would show more, and why it may fit. */
    readonly proposal?: string;
    readonly bySamples?: boolean;
  }[];
  /** What of the document is not in the policy. */
  readonly notes: readonly string[];
}

/** Writes policy.yaml and its schema files. */
export function writeStartingPolicy(
  routes: readonly StartingRoute[],
  skipped: readonly string[],
  options: { readonly service: string; readonly upstream: string },
): StartingPolicy {
  const schemas: Record<string, string> = {};
  const file = (route: StartingRoute, part: string, schema: Schema): string => {
    const name = `schemas/${route.name}-${part}.json`;
    schemas[name] = `${JSON.stringify(schema, null, 2)}\n`;
    return name;
  };
  const yaml = [
    '# Made from an OpenAPI document. Nothing is open that the document does not describe, and',
    '# every value is masked. To open a field, remove its mask; to close one, take it out of the',
    '# grant. Beside some masks stands what they seem to hold, and a mask that would show part of it.',
    ...skipped.map((line) => `# Left out: ${comment(line)}`),
    'services:',
    `  - name: ${options.service}`,
    '    owner: to-be-named # the department that answers for the data',
    '    level: important # core, important or general',
    '    upstream:',
    `      targets: [{ url: ${quote(options.upstream)} }]`,
    '    routes:',
    ...routes.flatMap((route) => routeLines(route, file)),
    'consumers:',
    `  - name: ${consumer}`,
    '    credentials: [{ type: key }]',
    'grants:',
    ...routes.flatMap((route) => grantLines(route, options.service)),
    '',
  ].join('\n');
  const masks = routes.flatMap((route) => route.masks);
  return {
    yaml,
    schemas,
    proposed: masks.filter(({ proposal }) => proposal !== undefined).length,
    bySamples: masks.filter(({ bySamples }) => bySamples === true).length,
    consumers: [consumer],
    routes: routes.map(({ name, method, path }) => ({
      flow: `${options.service}/${name}`,
      method,
      path,
    })),
  };
}

const consumer = 'first-consumer';

type AddFile = (route: StartingRoute, part: string, schema: Schema) => string;

function routeLines(route: StartingRoute, file: AddFile): string[] {
  const { params, query, body, schema } = route;
  const request = Object.entries({ params, query, body }).flatMap(([part, one]) =>
    one === undefined ? [] : [`          ${part}: ${file(route, part, one)}`],
  );
  return [
    ...route.notes.map((note) => `      # ${comment(note)}`),
    `      - name: ${route.name}`,
    `        match: { methods: [${route.method}], path: ${quote(route.path)} }`,
    ...(request.length === 0 ? [] : ['        request:', ...request]),
    '        response:',
    `          statuses: [${route.statuses.join(', ')}]`,
    ...(schema === undefined ? [] : [`          schema: ${file(route, 'response', schema)}`]),
    ...(route.masks.length === 0 ? [] : ['          masks:']),
    ...route.masks.map(({ field, transform, proposal }) => {
      const why = proposal === undefined ? '' : ` # ${comment(proposal)}`;
      return `            - { field: ${quote(field)}, transform: ${transform} }${why}`;
    }),
  ];
}

function grantLines(route: StartingRoute, service: string): string[] {
  const lines = [`  - consumer: ${consumer}`, `    routes: [${service}/${route.name}]`];
  if (route.schema === undefined) return lines;
  const inList = route.schema.items !== undefined && route.schema.properties === undefined;
  const members = Object.keys((inList ? route.schema.items : route.schema)?.properties ?? {});
  const fields = members.map((name) => formatField(inList ? [null, name] : [name]));
  return [
    ...lines,
    '    fields:',
    ...(fields.length === 0 ? ['$'] : fields).map((field) => `      - ${quote(field)}`),
  ];
}

/** Plain where YAML allows it without doubt. */
function quote(text: string): string {
  return /^[A-Za-z$/][\w$./-]*$/.test(text) ? text : JSON.stringify(text);
}

/** One line without control characters, so that no name of the document ends a comment. */
function comment(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?').slice(0, 160);
}
