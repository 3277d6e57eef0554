/**
 * A policy as bytes: canonical JSON (RFC 8785). The caller signs and verifies; nothing here is read
 * before its signature holds. Equal policies are equal bytes, so a diff after apply is empty.
 */
import { z } from 'zod';
import { credentialShape, identityOf } from '../accounts/credential.ts';
import { parseJson } from '../content/json.ts';
import { readSchema } from '../content/schema.ts';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { recipientKeyShape } from '../masking/jwe.ts';
import { maskShape } from '../masking/mask.ts';
import { detectShape } from '../masking/net-rule.ts';
import { canonicalJson } from '../package/jcs.ts';
import { contentShape } from './content.ts';
import { filesShape } from './files.ts';
import {
  actorPattern,
  type Credentials,
  dataLevels,
  methodNames,
  namePattern,
  type Policy,
  rightNames,
} from './model.ts';
import { pluginShape, routeReferences, whenReferences } from './plugins.ts';
import { denyShape, exceptionShape, ratesShape, termShapes } from './terms.ts';

/** What the policy authority signs. */
export interface Bundle {
  readonly policy: Policy;
  /** From 1; only a higher one replaces another. */
  readonly version: number;
  /** Node id of the authority. */
  readonly issuer: string;
  readonly issuedAtMs: number;
}

/** Errors: POLICY_INVALID where it is larger than `policyBundleBytesMax`. */
export function encodeBundle(bundle: Bundle): Uint8Array {
  return encode({ format: bundleFormat, ...bundle });
}

/** Strict: exact members, canonical bytes, consistent references. Errors: POLICY_INVALID. */
export function decodeBundle(bytes: Uint8Array): Bundle {
  const { policy: read, version, issuer, issuedAtMs } = decode(bytes, bundleShape);
  const policy = asPolicy(read);
  expectEnds(policy, issuedAtMs);
  return { policy, version, issuer, issuedAtMs };
}

/** A policy alone, on its way from who checked it to the authority. Errors: POLICY_INVALID. */
export function encodePolicy(policy: Policy): Uint8Array {
  return encode(policy);
}

/** The other half of encodePolicy, as strict as decodeBundle. Errors: POLICY_INVALID. */
export function decodePolicy(bytes: Uint8Array): Policy {
  return asPolicy(decode(bytes, policyShape));
}

/** No exception may last longer than the limit, whoever wrote it. Errors: POLICY_INVALID. */
export function expectEnds(policy: Policy, issuedAtMs: number): void {
  const latestMs = issuedAtMs + limits.exceptionMsMax;
  for (const { unmasked = [] } of policy.grants) {
    if (unmasked.some(({ untilMs }) => untilMs > latestMs)) {
      throw invalid(`exceptions that end within ${limits.exceptionMsMax / 86_400_000} days`);
    }
  }
}

/** Issued keys alone, on their way from who issued them to the authority. Errors: POLICY_INVALID. */
export function encodeCredentials(credentials: Credentials): Uint8Array {
  return encode(credentials);
}

/** The other half of encodeCredentials. Errors: POLICY_INVALID. */
export function decodeCredentials(bytes: Uint8Array): Credentials {
  // The shape leaves what is absent absent.
  return decode(bytes, credentialsShape) as Credentials;
}

/**
 * What the outer node gets of a policy: everything it enforces, no address of the inner domain and no
 * right of its operators.
 */
export function outerEdition(policy: Policy): Policy {
  const services = policy.services.map((service) => ({
    ...service,
    upstream: { ...service.upstream, targets: [] },
  }));
  const { rights: _rights, ...outer } = policy;
  return { ...outer, services };
}

const bundleFormat = 'sallyport-policy-1';

const name = z.string().regex(namePattern);
const ms = z.int().min(0);
const durationMs = z.int().min(1).max(limits.callTimeoutMsMax);
const names = z.array(z.string().max(256));
const checks = z.array(name).min(1).max(limits.pluginFilesMax);
const schema = z.unknown().refine((value) => readSchema(value).schema !== undefined);

const routeShape = z.strictObject({
  name,
  methods: z.array(z.enum(methodNames)).min(1),
  path: z.string().max(limits.edgePathBytesMax),
  timeoutMs: durationMs,
  deadlineMs: durationMs,
  idempotent: z.boolean(),
  idempotencyKey: z.boolean(),
  request: z.strictObject({
    params: schema.optional(),
    query: schema.optional(),
    body: schema.optional(),
    content: contentShape.optional(),
    files: filesShape.optional(),
    headers: names,
    checks: checks.optional(),
  }),
  response: z.strictObject({
    statuses: z.array(z.int().min(200).max(299)).min(1),
    schema: schema.optional(),
    content: contentShape.optional(),
    files: filesShape.optional(),
    headers: names,
    masks: z.array(maskShape),
    detect: detectShape.optional(),
    checks: checks.optional(),
  }),
});

const serviceShape = z.strictObject({
  name,
  owner: name,
  level: z.enum(dataLevels),
  upstream: z.strictObject({
    targets: z.array(z.strictObject({ url: z.url(), weight: z.int().min(1) })),
    timeoutMs: durationMs,
  }),
  routes: z.array(routeShape),
});

const keyShape = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  type: z.literal('key'),
  consumer: name,
  prefix: z.string().max(32),
  lastFour: z.string().length(4),
  hash: z.base64url().length(43),
  createdAtMs: ms,
  expiresAtMs: ms.optional(),
});

/** The file of issued keys has this shape too. */
export const credentialsShape = z.strictObject({
  hashKey: z.union([z.literal(''), z.base64url().length(43)]),
  keys: z.array(keyShape).max(limits.policyKeysMax),
});

const policyShape = z.strictObject({
  services: z.array(serviceShape),
  consumers: z
    .array(
      z.strictObject({
        name,
        credentials: z.array(credentialShape).max(limits.credentialsPerConsumerMax),
        encryptionKey: recipientKeyShape.optional(),
      }),
    )
    .max(limits.policyConsumersMax),
  grants: z
    .array(
      z.strictObject({
        consumer: name,
        flow: z.string(),
        fields: z.array(z.string().max(1024)),
        ...termShapes,
        limits: ratesShape.optional(),
        unmasked: z.array(exceptionShape).min(1).max(limits.exceptionsPerGrantMax).optional(),
      }),
    )
    .max(limits.policyGrantsMax),
  deny: z.array(denyShape).min(1).max(limits.policyDeniesMax).optional(),
  credentials: credentialsShape,
  plugins: z.array(pluginShape).min(1).max(limits.pluginFilesMax).optional(),
  rights: z
    .array(
      z.strictObject({
        actor: z.string().regex(actorPattern),
        may: z.enum(rightNames),
        consumer: name,
        untilMs: ms.optional(),
      }),
    )
    .min(1)
    .optional(),
});

const bundleShape = z.strictObject({
  format: z.literal(bundleFormat),
  policy: policyShape,
  version: z.int().min(1),
  issuer: name,
  issuedAtMs: ms,
});

function encode(value: unknown): Uint8Array {
  const bytes = Buffer.from(canonicalJson(value));
  if (bytes.length <= limits.policyBundleBytesMax) return bytes;
  throw invalid(`at most ${limits.policyBundleBytesMax} bytes, got ${bytes.length}`);
}

function decode<S extends z.ZodType>(bytes: Uint8Array, shape: S): z.infer<S> {
  let document: unknown;
  try {
    document = parseJson(bytes, limits.policyBundleBytesMax);
  } catch (cause) {
    throw invalid(`strict JSON: ${asSallyportError(cause).message}`, cause);
  }
  const read = shape.safeParse(document);
  if (!read.success) throw invalid(`the shape of a policy: ${z.prettifyError(read.error)}`);
  if (!Buffer.from(canonicalJson(document)).equals(bytes)) throw invalid('canonical JSON');
  return read.data;
}

/** Shape is proven; what remains are the references between the parts. */
function asPolicy(read: z.infer<typeof policyShape>): Policy {
  // The shape checks each schema with the very function that makes the type.
  const policy = read as unknown as Policy;
  const { services, consumers, grants, credentials, rights = [], deny = [] } = policy;
  const flows = unique(
    services.flatMap((one) => one.routes.map((route) => `${one.name}/${route.name}`)),
  );
  const names = unique(consumers.map((consumer) => consumer.name));
  unique(grants.map((grant) => `${grant.consumer} ${grant.flow}`));
  unique(credentials.keys.map((key) => key.id));
  unique(
    consumers.flatMap((one) => one.credentials.map((c) => identityOf(c) ?? `${one.name} key`)),
  );
  unique(deny.map((rule) => rule.name));
  unique(rights.map(({ actor, may, consumer }) => `${actor} ${may} ${consumer}`));
  const dangling =
    grants.some(({ consumer, flow }) => !names.has(consumer) || !flows.has(flow)) ||
    credentials.keys.some(({ consumer }) => !names.has(consumer)) ||
    deny.some((rule) => rule.consumers?.some((one) => !names.has(one))) ||
    deny.some((rule) => rule.flows?.some((one) => !flows.has(one))) ||
    rights.some(({ consumer }) => !names.has(consumer)) ||
    !knowsPlugins(policy);
  if (dangling) throw invalid('references to parts of the policy');
  return policy;
}

/** Each plug-in that is named is there, of the kind that it is used for. */
function knowsPlugins({ services, consumers, grants, deny = [], plugins = [] }: Policy): boolean {
  unique(plugins.map((one) => one.name));
  const kinds = new Map(plugins.map(({ name: one, kind }) => [one, kind]));
  const references = [
    ...services.flatMap(({ routes }) => routes.flatMap(routeReferences)),
    ...[...grants, ...deny].flatMap(({ when }) => whenReferences(when)),
  ];
  const credentialed = consumers.flatMap((one) => one.credentials);
  return (
    references.every(({ kind, name: one }) => kinds.get(one) === kind) &&
    credentialed.every((one) => one.type !== 'plugin' || kinds.get(one.plugin) === 'authenticator')
  );
}

function unique(names: readonly string[]): ReadonlySet<string> {
  const set = new Set(names);
  if (set.size !== names.length) throw invalid('unique names');
  return set;
}

function invalid(expected: string, cause?: unknown): SallyportError {
  return new SallyportError('POLICY_INVALID', `expected ${expected}`, {
    hint: 'check the policy on the inner node and apply it again',
    cause,
  });
}
