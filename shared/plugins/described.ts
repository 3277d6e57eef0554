/** What a plug-in says of itself, read strictly, and whether options fit what it takes. */
import { z } from 'zod';
import { everyField } from '../content/fields.ts';
import type { Json } from '../content/json.ts';
import { readSchema, type Schema } from '../content/schema.ts';
import { compileWalk } from '../content/walk.ts';
import { asSallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type PluginKind, pluginKinds } from './ask.ts';
import { shownText } from './shown.ts';

export interface Described {
  readonly kind: PluginKind;
  readonly name: string;
  readonly version: string;
  readonly schema?: Schema;
  readonly examples: number;
}

const saidShape = z.object({
  kind: z.enum(pluginKinds),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  version: z.string().regex(/^[\w.+-]{1,32}$/),
  schema: z.unknown().optional(),
  missing: z.array(z.string()).max(limits.pluginExamplesShownMax),
  examples: z.int().min(0),
  faults: z.array(z.string()),
});

/** Either what it is, or what is wrong with it. `text`: what the realm told. */
export function readDescribed(text: string): Described | { readonly faults: readonly string[] } {
  const read = saidShape.safeParse(JSON.parse(text));
  if (!read.success) {
    const parts = read.error.issues.map(({ path }) => path.join('.') || 'default export');
    const which = [...new Set(parts)].join(', ');
    return { faults: [`expected kind, name and version of a plug-in, got another ${which}`] };
  }
  const { schema, missing, faults, ...described } = read.data;
  const found = [
    ...missing.map((name) => `expected a function ${shownText(name)}, got none`),
    ...(described.examples === 0 ? ['expected at least one example, got none'] : []),
    ...faults.slice(0, limits.pluginExamplesShownMax).map(shownText),
  ];
  if (schema === undefined) return found.length > 0 ? { faults: found } : described;
  const options = readSchema(schema);
  found.push(...options.faults.map(({ path, message }) => `options.${path.join('.')}: ${message}`));
  if (found.length > 0 || options.schema === undefined) return { faults: found };
  return { ...described, schema: options.schema };
}

/** What is wrong with options for a plug-in; undefined where nothing is. */
export function optionsFault({ schema }: Described, options: Json): string | undefined {
  if (schema === undefined) {
    const isEmpty = typeof options === 'object' && Object.keys(options ?? {}).length === 0;
    return isEmpty ? undefined : 'expected no options';
  }
  const rules = { schema, fields: everyField, masks: undefined, mode: 'verify' } as const;
  try {
    compileWalk({ ...rules, code: 'PLUGIN_REFUSED' })(options, { dropped: 0, rules: {} });
    return undefined;
  } catch (thrown) {
    return `expected options that fit: ${asSallyportError(thrown).message}`;
  }
}
