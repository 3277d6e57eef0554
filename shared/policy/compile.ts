/** A policy made ready for the hot path: maps instead of lists, walks instead of schemas. */
import type { KeyObject } from 'node:crypto';
import { type Accounts, compileAccounts } from '../accounts/compile.ts';
import { everyField } from '../content/fields.ts';
import { compilePairs, type PairsCheck } from '../content/pairs.ts';
import type { Rewritten } from '../content/place.ts';
import { compileRewrite, type Rewrite } from '../content/rewrite.ts';
import type { Schema } from '../content/schema.ts';
import type { Translation } from '../content/translate.ts';
import { createWork } from '../content/work.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Recipient } from '../masking/keyed.ts';
import { isKeyed, type Mask } from '../masking/mask.ts';
import { createAsking, type Plugged } from '../masking/open.ts';
import type { ReleasePlan } from '../masking/response.ts';
import { compileOpenResponse, compileResponse } from '../masking/rules.ts';
import { noSecrets, type SecretsOf } from '../masking/secrets.ts';
import { type CompiledTerms, compileDenies, compileTerms } from './allow.ts';
import {
  openReleaseFrom,
  openVerifyFrom,
  releaseFrom,
  translationsOf,
  verifyFrom,
} from './content.ts';
import { hashKeyObject } from './credentials.ts';
import { compileFiles, type FileRules } from './files.ts';
import type { Grant, KeyRecord, Policy, Route, Service } from './model.ts';
import type { PluginEntry } from './plugins.ts';
import { compileRoutes, type RouteTable } from './routes.ts';

export interface CompiledPolicy {
  readonly policy: Policy;
  /** Version of the bundle; 0 for a policy that was never applied. */
  readonly version: number;
  readonly routes: RouteTable<CompiledRoute>;
  /** `consumer flow` → grant. */
  readonly grants: ReadonlyMap<string, CompiledGrant>;
  readonly keys: ReadonlyMap<string, CompiledKey>;
  readonly hashKey: KeyObject | undefined;
  readonly accounts: Accounts;
  /** By name. */
  readonly plugins: ReadonlyMap<string, PluginEntry>;
  readonly authenticators: readonly PluginEntry[];
}

export interface CompiledRoute {
  /** `service/route`. */
  readonly flow: string;
  readonly service: Service;
  readonly route: Route;
  readonly params: PairsCheck;
  readonly query: PairsCheck;
  /** A mask of it needs the keys of its recipient. */
  readonly keyed: boolean;
  /** Checks a body and writes it anew. Undefined where the route takes none. */
  readonly body: ((body: Uint8Array) => Rewritten) | undefined;
  /** What the files in requests and answers may be; undefined where no field holds one. */
  readonly files: {
    readonly request: FileRules | undefined;
    readonly response: FileRules | undefined;
  };
  /** The formats of request and answer; undefined where no body crosses. */
  readonly content: ReturnType<typeof translationsOf>;
  /** Plug-ins that check a request. */
  readonly checks: readonly PluginEntry[];
}

export interface CompiledGrant {
  readonly grant: Grant;
  readonly terms: CompiledTerms;
  /** By end, ascending; the last has none. More than one where exceptions end. */
  readonly plans: readonly GrantPlan[];
}

/** What may be released of an answer for a while. */
export interface GrantPlan extends AnswerPlan {
  /** First millisecond at which the next plan holds. */
  readonly untilMs: number;
  /** Masked fields that this consumer gets unmasked. */
  readonly unmasked: readonly string[];
}

export interface AnswerPlan extends ReleasePlan {
  /** The format in which the consumer gets the answer; undefined where it has no body. */
  readonly answer: Translation | undefined;
  /** What its files may be; undefined where no field holds one. */
  readonly files: FileRules | undefined;
  /** A call may be made again whatever it has done. */
  readonly mayRepeat: boolean;
}

export interface CompiledKey {
  readonly record: KeyRecord;
  readonly hash: Buffer;
}

/**
 * Compiles once per bundle. The policy comes from checkPolicy or decodeBundle. Errors:
 * POLICY_INVALID. `secretsOf`: the keys of recipients, for the node that masks.
 */
export function compilePolicy(
  policy: Policy,
  version = 0,
  secretsOf: SecretsOf = noSecrets,
): CompiledPolicy {
  const recipients = new Map(
    policy.consumers.map(({ name, encryptionKey }): [string, Recipient] => [
      name,
      { name, encryptionKey, secrets: secretsOf(name) },
    ]),
  );
  const plugins = new Map((policy.plugins ?? []).map((entry) => [entry.name, entry]));
  const compiled = policy.services.flatMap((service) =>
    service.routes.map((route) => compileRoute(service, route, plugins)),
  );
  const denies = coded(() => compileDenies(policy.deny ?? []));
  const byFlow = new Map(compiled.map((route) => [route.flow, route]));
  return {
    policy,
    version,
    routes: coded(() =>
      compileRoutes(
        compiled.map((route) => ({ methods: route.route.methods, path: route.route.path, route })),
      ),
    ),
    grants: new Map(
      policy.grants.map((grant) => [
        grantKey(grant.consumer, grant.flow),
        {
          grant,
          terms: coded(() => compileTerms(grant, denies)),
          plans: plansOf(grant, byFlow.get(grant.flow), {
            recipient: recipients.get(grant.consumer),
            plugins,
          }),
        },
      ]),
    ),
    keys: new Map(
      policy.credentials.keys.map((record) => [
        record.id,
        { record, hash: Buffer.from(record.hash, 'base64url') },
      ]),
    ),
    accounts: compileAccounts(policy.consumers),
    plugins,
    authenticators: [...plugins.values()].filter(({ kind }) => kind === 'authenticator'),
    hashKey:
      policy.credentials.hashKey === '' ? undefined : hashKeyObject(policy.credentials.hashKey),
  };
}

/** Key of a grant; a space is in neither name. */
export function grantKey(consumer: string, flow: string): string {
  return `${consumer} ${flow}`;
}

/** What a bundle says and checkPolicy would have refused: a path that is none, a field that is none. */
function coded<T>(compile: () => T): T {
  try {
    return compile();
  } catch (cause) {
    if (!(cause instanceof SallyportError)) throw cause;
    throw new SallyportError('POLICY_INVALID', cause.message, {
      hint: 'check the policy on the inner node and apply it again',
      cause,
    });
  }
}

function compileRoute(
  service: Service,
  route: Route,
  plugins: CompiledPolicy['plugins'],
): CompiledRoute {
  const { params, query, body } = route.request;
  for (const schema of [params, query]) compileFiles(undefined, schema);
  return {
    flow: `${service.name}/${route.name}`,
    service,
    route,
    params: compilePairs(params, createWork('REQUEST_TOO_LARGE')),
    query: compilePairs(query, createWork('REQUEST_TOO_LARGE')),
    keyed: route.response.masks.some(isKeyed),
    body: body === undefined ? undefined : compileBody(body),
    content: translationsOf(route),
    files: {
      request: compileFiles(route.request.files, body),
      response: compileFiles(route.response.files, route.response.schema),
    },
    checks: entriesOf(route.request.checks, plugins),
  };
}

/** Errors: POLICY_INVALID for a name that no plug-in of the policy has. */
export function entriesOf(
  names: readonly string[] | undefined,
  plugins: CompiledPolicy['plugins'],
): PluginEntry[] {
  return (names ?? []).map((name) => {
    const entry = plugins.get(name);
    if (entry !== undefined) return entry;
    throw new SallyportError('POLICY_INVALID', `expected a plug-in ${name}, got none`);
  });
}

/** Errors: JSON_REFUSED, REQUEST_TOO_LARGE, SCHEMA_REFUSED. */
function compileBody(schema: Schema): (body: Uint8Array) => Rewritten {
  const work = createWork('REQUEST_TOO_LARGE');
  const rules = { schema, fields: everyField, masks: undefined, work } as const;
  const rewrite = compileRewrite({ ...rules, mode: 'verify', code: 'SCHEMA_REFUSED' });
  return (body) => rewrite(body, limits.edgeBodyBytesMax);
}

/** What an answer needs of plug-ins; undefined where that is nothing. */
export function pluggedOf(
  { response: { detect, checks } }: Route,
  masks: readonly Mask[],
  plugins: CompiledPolicy['plugins'],
): Plugged | undefined {
  const detectors = entriesOf(detect?.plugins, plugins);
  const checked = entriesOf(checks, plugins);
  const isMasked = masks.some(({ transform }) => transform === 'plugin');
  if (!isMasked && detectors.length === 0 && checked.length === 0) return undefined;
  return { asking: createAsking(), uses: plugins, detectors, checks: checked };
}

function transformsOf(masks: readonly Mask[], plugins: CompiledPolicy['plugins']): PluginEntry[] {
  const names = masks.flatMap((mask) => (mask.transform === 'plugin' ? [mask.plugin] : []));
  return entriesOf([...new Set(names)], plugins);
}

/** Stands where a walk would that must not go on without its plug-ins. */
const unasked: Rewrite = () => {
  throw new SallyportError('PLUGIN_MISSING', 'expected plug-ins to be asked, got nobody who does');
};

/** How many fields some consumer gets unmasked at a moment, for everybody to see. */
export function unmaskedIn({ policy }: CompiledPolicy, nowMs: number): number {
  const exceptions = policy.grants.flatMap(({ unmasked = [] }) => unmasked);
  return exceptions.filter(({ untilMs }) => nowMs < untilMs).length;
}

/** The plan that holds at a moment. */
export function planAt({ plans }: CompiledGrant, nowMs: number): GrantPlan {
  const plan = plans.find(({ untilMs }) => nowMs < untilMs);
  if (plan !== undefined) return plan;
  throw new SallyportError('INTERNAL', 'expected a plan without end, got none');
}

function plansOf(
  grant: Grant,
  compiled: CompiledRoute | undefined,
  context: PlanContext,
): GrantPlan[] {
  const exceptions = grant.unmasked ?? [];
  const ends = new Set([...exceptions.map((one) => one.untilMs), Number.POSITIVE_INFINITY]);
  return [...ends]
    .toSorted((a, b) => a - b)
    .map((untilMs) => {
      const inForce = exceptions.filter((one) => one.untilMs >= untilMs);
      const unmasked = inForce.map(({ field }) => field);
      return { untilMs, unmasked, ...planOf(grant, compiled, context, unmasked) };
    });
}

interface PlanContext {
  readonly recipient: Recipient | undefined;
  readonly plugins: CompiledPolicy['plugins'];
}

function planOf(
  grant: Grant,
  compiled: CompiledRoute | undefined,
  { recipient, plugins }: PlanContext,
  unmasked: readonly string[],
): AnswerPlan {
  if (compiled === undefined) {
    throw new SallyportError('POLICY_INVALID', `expected a route ${grant.flow}, got none`);
  }
  const { statuses, headers, schema, masks, detect } = compiled.route.response;
  const answer = compiled.content.response;
  const { idempotent, methods } = compiled.route;
  const about = {
    ...{ statuses, responseHeaders: headers, answer },
    files: compiled.files.response,
    mayRepeat: idempotent || methods.every((method) => method === 'GET'),
  };
  if (schema === undefined || answer === undefined) {
    return { ...about, release: undefined, verify: undefined };
  }
  const kept = masks.filter(({ field }) => !unmasked.includes(field));
  // The second net would hide again what an exception opens.
  const { hit = 'mask', open = [], bankCards } = detect ?? {};
  const net = { hit, open: [...open, ...unmasked], bankCards };
  const plugged = pluggedOf(compiled.route, kept, plugins);
  if (plugged !== undefined) {
    const options = { recipient, detect: net, plugged };
    const walks = compileOpenResponse(schema, grant.fields, kept, options);
    const release = openReleaseFrom(answer, walks.release);
    const verify = openVerifyFrom(answer, walks.verify);
    const uses = [...plugged.detectors, ...plugged.checks, ...transformsOf(kept, plugins)];
    return { ...about, release: unasked, verify: unasked, open: { release, verify, uses } };
  }
  const walks = compileResponse(schema, grant.fields, kept, { recipient, detect: net });
  return {
    ...about,
    release: releaseFrom(answer, walks.release),
    verify: verifyFrom(answer, walks.verify),
  };
}
