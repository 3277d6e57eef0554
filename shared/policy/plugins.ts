/** The plug-ins of a policy: their words, what refers to them, and who is asked in a call. */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { type PluginKind, type PluginUse, pluginKinds } from '../plugins/ask.ts';
import type { Draft } from './check.ts';
import { readCondition } from './conditions.ts';
import { namePattern } from './model.ts';
import type { Add } from './references.ts';
import type { SourcePath } from './source.ts';

/** A plug-in of a policy in normal form. */
export interface PluginEntry extends PluginUse {
  /** Header fields that an authenticator may see; the first says that a call shows its credential. */
  readonly headers?: readonly string[];
}

/** What the gateway reads itself cannot be a legacy credential too. */
const ownHeaders = /^(?:x-api-key|signature|signature-input|idempotency-key|host|content-.*)$/;

const headers = z
  .array(
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'expected a header name in lower case')
      .refine((one) => !ownHeaders.test(one), 'expected a header that is not the gateway’s own'),
  )
  .min(1)
  .max(limits.pluginHeadersMax)
  .refine((list) => new Set(list).size === list.length, 'expected each header once');

const options = z
  .unknown()
  .refine(isSmallJson, `expected JSON of at most ${limits.pluginOptionsBytesMax} bytes`);

/** One entry of `plugins`, in policy.yaml and in a bundle. */
export const pluginShape = z
  .strictObject({
    name: z.string().regex(namePattern, 'expected a name of a-z, 0-9 and hyphens, at most 63'),
    kind: z.enum(pluginKinds),
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 of the file: see `sallyport plugin list`'),
    options: options.optional(),
    headers: headers.optional(),
  })
  .refine(
    ({ kind, headers: seen }) => (kind === 'authenticator') === (seen !== undefined),
    'expected headers for an authenticator, and for no other kind',
  );

/** A name by which a part of the policy uses a plug-in. */
interface Reference {
  readonly kind: PluginKind;
  readonly name: string;
  /** Below the part. */
  readonly at: SourcePath;
}

/** As a route has them in policy.yaml and in normal form alike. */
interface RouteLike {
  readonly request: { readonly checks?: readonly string[] };
  readonly response: {
    readonly checks?: readonly string[];
    readonly masks: readonly { readonly transform: string; readonly plugin?: string }[];
    readonly detect?: { readonly plugins?: readonly string[] | undefined } | undefined;
  };
}

/** Names of plug-ins that a route uses. */
export function routeReferences({ request, response }: RouteLike): Reference[] {
  const { checks = [], masks, detect } = response;
  return [
    ...(request.checks ?? []).map((name, i) => of('check', name, ['request', 'checks', i])),
    ...checks.map((name, i) => of('check', name, ['response', 'checks', i])),
    ...masks.flatMap(({ plugin }, i) =>
      plugin === undefined ? [] : [of('transform', plugin, ['response', 'masks', i, 'transform'])],
    ),
    ...(detect?.plugins ?? []).map((name, i) =>
      of('detector', name, ['response', 'detect', 'plugins', i]),
    ),
  ];
}

/** Names of plug-ins that a condition asks. */
export function whenReferences(when: string | undefined): Reference[] {
  const read = when === undefined ? undefined : readCondition(when.trim());
  const names = read !== undefined && 'condition' in read ? [...read.condition.plugins] : [];
  return names.map((name) => of('condition', name, ['when']));
}

const of = (kind: PluginKind, name: string, at: SourcePath): Reference => ({ kind, name, at });

/** Names, kinds, and that each is of use. */
export function checkPlugins(draft: Draft, add: Add): void {
  const known = new Map<string, PluginKind>();
  draft.plugins.forEach(({ value: { name, kind }, path }) => {
    if (known.has(name)) add([...path, 'name'], `expected a name of its own, got "${name}" again`);
    known.set(name, kind);
  });
  const used = new Set<string>();
  const check = (references: readonly Reference[], path: SourcePath): void => {
    for (const { kind, name, at } of references) {
      used.add(name);
      if (draft.broken.has(name)) continue;
      const got = known.get(name);
      if (got === kind) continue;
      const what = got === undefined ? 'none of that name' : `the ${got} "${name}"`;
      add([...path, ...at], `expected a plug-in of kind ${kind}, got ${what}`);
    }
  };
  for (const { routes } of draft.services) {
    for (const { value, path } of routes) {
      check(routeReferences(value), path);
      if ((value.request.checks?.length ?? 0) > 0 && value.request.body === undefined) {
        add([...path, 'request', 'checks'], 'expected a body to check');
      }
      if ((value.response.checks?.length ?? 0) > 0 && value.response.schema === undefined) {
        add([...path, 'response', 'checks'], 'expected an answer with a schema to check');
      }
    }
  }
  for (const { value, path } of [...draft.grants, ...draft.deny]) {
    check(whenReferences(value.when), path);
  }
  for (const { value, path } of draft.consumers) {
    value.credentials.forEach((credential, index) => {
      if (credential.type !== 'plugin') return;
      const at = ['credentials', index, 'plugin'];
      check([{ kind: 'authenticator', name: credential.plugin, at }], path);
    });
  }
  for (const { value, path } of draft.plugins) {
    if (!used.has(value.name)) add([...path, 'name'], 'expected a plug-in that something uses');
  }
}

function isSmallJson(value: unknown): boolean {
  try {
    const text = JSON.stringify(value);
    const isSame = JSON.stringify(JSON.parse(text)) === text;
    return (
      isSame && holdsOnlyJson(value) && Buffer.byteLength(text) <= limits.pluginOptionsBytesMax
    );
  } catch {
    return false;
  }
}

/** No number without a value and no object that is more than its members. */
function holdsOnlyJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return value !== undefined;
  return Object.values(value).every(holdsOnlyJson);
}
