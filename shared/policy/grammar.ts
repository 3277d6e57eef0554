/** The words of policy.yaml: which keys there are, what they hold, and what they default to. */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { recipientKeyShape } from '../masking/jwe.ts';
import { maskTextShape } from '../masking/mask.ts';
import { detectTextShape } from '../masking/net-rule.ts';
import { contentTextShape } from './content.ts';
import { credentialText } from './credential-text.ts';
import { fileTextsShape } from './files.ts';
import { actorPattern, dataLevels, methodNames, namePattern, rightNames } from './model.ts';
import type { SourcePath } from './source.ts';
import { exceptionTextShape, ratesShape, termTexts } from './terms.ts';

const name = z.string().regex(namePattern, 'expected a name of a-z, 0-9 and hyphens, at most 63');
const durationMs = z.int().min(1).max(limits.callTimeoutMsMax);
const schemaFile = z.string().min(1).max(200);

/** Headers that frame or authenticate a message belong to the gateway, never to a route. */
const reservedNames = new Set(
  `authorization connection cookie set-cookie date expect forwarded host idempotency-key keep-alive
  prefer te trailer transfer-encoding upgrade via x-api-key`.split(/\s+/),
);
const reservedFamilies = /^(?:content|proxy|x-forwarded|sallyport)-/;
const headers = z
  .array(
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'expected a header name in lower case')
      .refine(
        (text) => !reservedNames.has(text) && !reservedFamilies.test(text),
        'expected a header that is not the gateway’s own',
      ),
  )
  .max(32)
  .default([]);

const checks = z.array(name).max(limits.pluginFilesMax).default([]);

/** One route. */
export const routeShape = z.strictObject({
  name,
  match: z.strictObject({
    methods: z.array(z.enum(methodNames)).min(1),
    path: z.string().max(limits.edgePathBytesMax),
  }),
  timeoutMs: durationMs.default(10_000),
  deadlineMs: durationMs.optional(),
  idempotent: z.boolean().default(false),
  idempotencyKey: z.boolean().default(false),
  request: z
    .strictObject({
      params: schemaFile.optional(),
      query: schemaFile.optional(),
      body: schemaFile.optional(),
      content: contentTextShape.optional(),
      files: fileTextsShape,
      headers,
      checks,
    })
    .prefault({}),
  response: z
    .strictObject({
      statuses: z.array(z.int().min(200).max(299)).min(1).default([200]),
      schema: schemaFile.optional(),
      content: contentTextShape.optional(),
      files: fileTextsShape,
      headers,
      masks: z.array(maskTextShape).default([]),
      detect: detectTextShape.optional(),
      checks,
    })
    .prefault({}),
});

/** One service; its routes are read one by one. */
export const serviceShape = z.strictObject({
  name,
  owner: name,
  level: z.enum(dataLevels),
  upstream: z.strictObject({
    targets: z
      .array(
        z.strictObject({
          url: z
            .string()
            .refine(isBaseUrl, 'expected an http or https URL without user, query and fragment'),
          weight: z.int().min(1).max(1000).default(1),
        }),
      )
      .min(1)
      .max(64),
    timeoutMs: durationMs.default(5_000),
  }),
  routes: z.array(z.unknown()).min(1),
});

/** One consumer. */
export const consumerShape = z.strictObject({
  name,
  credentials: z.array(credentialText).min(1).max(limits.credentialsPerConsumerMax),
  encryptionKey: recipientKeyShape.optional(),
});

/** A group is a way of writing: in normal form there is a grant for each of its consumers. */
export const groupShape = z.strictObject({
  name,
  consumers: z.array(name).min(1).max(limits.policyConsumersMax),
});

/** One grant, for one or more routes, to a consumer or to each of a group. */
export const grantShape = z.strictObject({
  consumer: name.optional(),
  group: name.optional(),
  routes: z.array(z.string()).min(1),
  fields: z.array(z.string()).default([]),
  ...termTexts,
  limits: ratesShape.optional(),
  unmasked: z.array(exceptionTextShape).max(limits.exceptionsPerGrantMax).default([]),
});

/** What a person may do besides. */
export const rightShape = z.strictObject({
  actor: z.string().regex(actorPattern, 'expected the name of an operator'),
  may: z.enum(rightNames),
  consumers: z.array(name).min(1),
  until: z.string().optional(),
});

/** The whole file; the parts are read one by one, so that one fault does not hide others. */
export const fileShape = z.strictObject({
  services: z.array(z.unknown()).default([]),
  consumers: z.array(z.unknown()).max(limits.policyConsumersMax).default([]),
  consumerGroups: z.array(z.unknown()).max(limits.policyGroupsMax).default([]),
  grants: z.array(z.unknown()).max(limits.policyGrantsMax).default([]),
  deny: z.array(z.unknown()).max(limits.policyDeniesMax).default([]),
  plugins: z.array(z.unknown()).max(limits.pluginFilesMax).default([]),
  rights: z.array(z.unknown()).max(limits.policyRightsMax).default([]),
});

export type ConsumerText = z.infer<typeof consumerShape>;
export type RouteText = z.infer<typeof routeShape>;

/** Without a word, a caller who got no answer in time can still fetch it for a while. */
export function deadlineOf({ timeoutMs, deadlineMs }: RouteText): number {
  return deadlineMs ?? Math.max(timeoutMs, limits.routeDeadlineMs);
}
/** A grant for one consumer: those of a group are many. */
export type GrantText = Omit<z.infer<typeof grantShape>, 'consumer' | 'group'> & {
  readonly consumer: string;
};

/** A copy without the keys that a shape does not know, so that the rest can be checked further. */
export function withoutUnknown(value: unknown, error: z.ZodError): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of error.issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const holder: unknown = issue.path.reduce<unknown>(
      (inner, step) =>
        typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : inner,
      copy,
    );
    if (typeof holder !== 'object' || holder === null) continue;
    for (const key of issue.keys) Reflect.deleteProperty(holder, key);
  }
  return copy;
}

/** Each issue of a shape as a place and a text in the words of the house. */
export function shapeFaults(error: z.ZodError): { path: SourcePath; message: string }[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key "${key}"` }));
    }
    return [{ path, message: reason(issue) }];
  });
}

function reason(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.replace('Invalid input: ', '').replace(', received ', ', got ');
    case 'invalid_value':
      return `expected ${issue.values.join(' or ')}`;
    case 'invalid_union':
      if (issue.discriminator === 'type')
        return 'expected key, http-signature, jwt, certificate or plugin';
      return 'expected one of the transforms of docs/spec/masking.md, with its own keys';
    case 'too_small':
      return `expected at least ${issue.minimum}${issue.origin === 'array' ? ' items' : ''}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${issue.origin === 'array' ? ' items' : ''}`;
    default:
      return issue.message;
  }
}

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === '';
}
