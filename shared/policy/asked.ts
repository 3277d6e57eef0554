/**
 * What a call asks of plug-ins: who calls, whether conditions hold, whether content keeps the rules. Each
 * is asked before the step that needs it; that step takes the answers as facts, and refuses without them.
 */
import { createHash } from 'node:crypto';
import { parseJson } from '../content/json.ts';
import type { QueryPair } from '../content/path.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { expectOk } from '../masking/open.ts';
import type { CallFacts, ShownCall } from '../plugins/api.ts';
import type { AskPlugins, PluginUse } from '../plugins/ask.ts';
import { type CompiledPolicy, entriesOf, grantKey } from './compile.ts';
import type { RouteMatch } from './decide.ts';
import type { PluginEntry } from './plugins.ts';

/** Whom an authenticator recognised. */
export interface Recognised {
  readonly plugin: string;
  readonly id: string;
}

/** What of a call an authenticator may see. */
export interface Showing {
  readonly method: string;
  readonly path: string;
  readonly query: readonly QueryPair[];
  /** As they came; of these it sees those that its entry names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly nowMs: number;
}

/**
 * The authenticator whose credential a call shows. Errors: CREDENTIAL_TWICE where it shows those of
 * several.
 */
export function authenticatorOf(
  { authenticators }: CompiledPolicy,
  headers: Showing['headers'],
): PluginEntry | undefined {
  if (authenticators.length === 0) return undefined;
  const shown = authenticators.filter(({ headers: [first = ''] = [] }) => first in headers);
  if (shown.length <= 1) return shown[0];
  throw new SallyportError('CREDENTIAL_TWICE', `expected one credential, got ${shown.length}`);
}

/** The header fields of a call that an authenticator may see. */
export function headersFor(
  { headers: names = [] }: PluginEntry,
  headers: Showing['headers'],
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Errors: CREDENTIAL_UNKNOWN where it recognises nobody, those of plug-ins. */
export async function recognise(
  use: PluginEntry,
  { method, path, query, headers, body, nowMs }: Showing,
  ask: AskPlugins,
): Promise<Recognised> {
  const bodySha256 = createHash('sha256').update(body).digest('hex');
  const seen = headersFor(use, headers);
  const call: ShownCall = { timeMs: nowMs, method, path, query, headers: seen, bodySha256 };
  const item = JSON.parse(JSON.stringify(call));
  const [[id] = []] = await ask([{ use, verb: 'authenticator', items: [item] }]);
  if (typeof id === 'string') return { plugin: use.name, id };
  throw new SallyportError('CREDENTIAL_UNKNOWN', `expected a caller that ${use.name} recognises`, {
    hint: 'compare what the caller signs with what the plug-in wants, and their secrets',
  });
}

/** Plug-ins that the conditions of a call ask; none where there is no grant. */
export function conditionUses(
  compiled: CompiledPolicy,
  consumer: string,
  { flow }: Pick<RouteMatch, 'flow'>,
): PluginUse[] {
  const names = compiled.grants.get(grantKey(consumer, flow))?.terms.plugins;
  return names === undefined || names.size === 0 ? [] : entriesOf([...names], compiled.plugins);
}

/** Errors: those of plug-ins. */
export async function askConditions(
  uses: readonly PluginUse[],
  { consumer, match, nowMs }: { consumer: string; match: RouteMatch; nowMs: number },
  ask: AskPlugins,
): Promise<ReadonlyMap<string, boolean>> {
  const { flow, method, compiled } = match;
  const { owner, level } = compiled.service;
  const facts: CallFacts = { timeMs: nowMs, method, consumer, route: { flow, owner, level } };
  const item = JSON.parse(JSON.stringify(facts));
  const given = await ask(uses.map((use) => ({ use, verb: 'condition', items: [item] })));
  return new Map(uses.map(({ name }, index) => [name, given[index]?.[0] === true]));
}

/** Of a request whose body fits its schema. Errors: CHECK_REFUSED with the rule, those of plug-ins. */
export async function askChecks(
  uses: readonly PluginUse[],
  body: Uint8Array,
  ask: AskPlugins,
): Promise<void> {
  const document = parseJson(body, limits.edgeBodyBytesMax);
  const given = await ask(uses.map((use) => ({ use, verb: 'check', items: [document] })));
  for (const [index, use] of uses.entries()) expectOk(use, given[index]?.[0], 'CHECK_REFUSED');
}
