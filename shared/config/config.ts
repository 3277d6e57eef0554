/**
 * config.yaml of a node: what it may say, and every way to say it wrong.
 * docs/spec/config.md is the norm. No secret ever stands in it: the PIN is a file of its own.
 */
import { z } from 'zod';
import { limits } from '../limits.ts';
import { isZone } from '../zones.ts';
import { nodeIdPattern } from './node-id.ts';
import { readYaml } from './yaml.ts';

const host = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$|^[0-9A-Fa-f:]+$/, 'expected a host name or an IP address');
const address = z.strictObject({ host, port: z.int().min(1).max(65_535) });
const path = z.string().min(1).max(1024);

const hsm = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('soft'), file: path, pinFile: path }),
  z.strictObject({
    kind: z.literal('pkcs11'),
    module: path,
    tokenLabel: z.string().min(1).max(32),
    pinFile: path,
  }),
]);

const scannerName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,31}$/,
    'expected lower-case letters, digits and hyphens, at most 32',
  );
const scanTimeoutMs = z.int().min(100).max(limits.scanTimeoutMs).default(limits.scanTimeoutMs);
const scanner = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('clamd'),
      name: scannerName.default('clamd'),
      socket: path.optional(),
      address: address.optional(),
      timeoutMs: scanTimeoutMs,
      databaseAgeHoursMax: z
        .int()
        .min(1)
        .max(limits.scanDatabaseAgeHoursMax)
        .default(limits.scanDatabaseAgeMs / 3_600_000),
      timeZone: z
        .string()
        .refine(isZone, 'expected a time zone such as Asia/Shanghai or UTC')
        .optional(),
    })
    .refine(({ socket, address: at }) => (socket === undefined) !== (at === undefined), {
      message: 'expected either socket or address of the clamd',
    }),
  z.strictObject({
    kind: z.literal('icap'),
    name: scannerName.default('icap'),
    url: z
      .string()
      .max(1024)
      .regex(
        /^icap:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?\/[!-~]+$/,
        'expected a service such as icap://127.0.0.1:1344/avscan',
      ),
    timeoutMs: scanTimeoutMs,
  }),
]);

const link = address.extend({ kind: z.literal('link') });
const directory = z.strictObject({ kind: z.literal('directory'), dir: path });
const channel = z.strictObject({
  send: z.discriminatedUnion('kind', [link, directory]),
  receive: z.discriminatedUnion('kind', [
    link,
    directory.extend({
      convention: z.enum(['rename', 'marker', 'stable']).default('rename'),
    }),
  ]),
});

const base = z.strictObject({
  role: z.enum(['outer', 'inner']),
  node: z
    .string()
    .regex(nodeIdPattern, 'expected lower-case letters, digits and hyphens, at most 63'),
  edge: z
    .strictObject({
      listen: address.optional(),
      tls: z.boolean().default(true),
      clientCertificates: z.boolean().default(false),
    })
    .default({ tls: true, clientCertificates: false }),
  management: address,
  channel,
  hsm,
  plugins: z.strictObject({ dir: path }).optional(),
  upstreams: z.strictObject({ ca: path.optional() }).default({}),
  scanners: z.array(scanner).max(limits.scannersMax).default([]),
  package: z
    .strictObject({
      expiresMs: z.int().min(1000).max(limits.packageExpiresMsMax).optional(),
      messagesMax: z.int().min(1).max(limits.batchMessagesMax).default(limits.batchMessagesMax),
    })
    .prefault({}),
  audit: z
    .strictObject({
      storeEventsMax: z
        .int()
        .min(limits.auditStoreEventsMin)
        .max(limits.auditStoreEventsMax)
        .default(limits.auditStoreEventsMax),
    })
    .prefault({}),
  policy: z.strictObject({ fourEyes: z.boolean().default(false) }).prefault({}),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .default({ level: 'info' }),
});

type Base = z.infer<typeof base>;

/** Runs although other parts are wrong, so that all faults come out together. */
const together = (at: string[], message: string) => ({ path: at, message, when: () => true });

const schema = base
  .refine(
    (c) => c.role !== 'outer' || c.edge?.listen,
    together(['edge', 'listen'], 'expected the address where the outer node takes calls'),
  )
  .refine(
    (c) => c.role !== 'inner' || !c.edge?.listen,
    together(['edge', 'listen'], 'expected no address: an inner node takes no calls'),
  )
  .refine(
    (c) => c.role === 'inner' || !c.policy?.fourEyes,
    together(['policy', 'fourEyes'], 'expected nothing: the inner node alone makes the policy'),
  )
  .refine(
    (c) => c.role !== 'outer' || c.upstreams?.ca === undefined,
    together(['upstreams', 'ca'], 'expected nothing: an outer node calls no upstream'),
  )
  .refine(
    (c) => c.edge?.tls !== false || !c.edge.listen || isLoopback(c.edge.listen.host),
    together(['edge', 'tls'], 'expected true: without TLS only a loopback address may listen'),
  )
  .refine(
    (c) => !c.edge?.clientCertificates || (c.edge.tls && c.edge.listen !== undefined),
    together(
      ['edge', 'clientCertificates'],
      'expected false: only a TLS listener can ask for them',
    ),
  )
  .refine(
    (c) => !listeners(c).some((one, i, all) => all.indexOf(one) !== i),
    together(['management'], 'expected each listening address once'),
  )
  .refine(
    (c) =>
      c.channel?.send?.kind !== 'directory' ||
      c.channel.receive?.kind !== 'directory' ||
      c.channel.send.dir !== c.channel.receive.dir,
    together(['channel', 'receive', 'dir'], 'expected another directory than channel.send has'),
  )
  .refine(
    ({ scanners = [] }) => new Set(scanners.map(({ name }) => name)).size === scanners.length,
    together(['scanners'], 'expected a name of its own for each scanner'),
  )
  .transform((c) => ({
    ...c,
    package: { ...c.package, expiresMs: c.package.expiresMs ?? defaultExpiry(c) },
  }));

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/**
 * A checked configuration, frozen. Paths are as written: relative ones count from the node's home.
 * `package.expiresMs` is how long a package that this node seals stays acceptable,
 * `package.messagesMax` how many calls or answers it may hold.
 */
export type NodeConfig = DeepReadonly<z.infer<typeof schema>>;

/**
 * Parses and checks the text of a config.yaml; `file` only names it in messages.
 * Errors: CONFIG_INVALID, whose message lists every fault as `file:line: what`.
 */
export function parseConfig(text: string, file: string): NodeConfig {
  return freeze(readYaml(text, file, schema));
}

/** True for addresses that only this machine can reach. */
export function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127\.\d+\.\d+\.\d+$/.test(name);
}

function listeners(c: Base): string[] {
  const receive = c.channel?.receive?.kind === 'link' ? [c.channel.receive] : [];
  const addresses = [c.management, c.edge?.listen, ...receive];
  return addresses.flatMap((one) => (one?.port ? [`${one.host}:${one.port}`] : []));
}

/** A ferried package may lie in a drawer for weeks; one on a link is there or lost. */
function defaultExpiry(c: Base): number {
  return c.channel.send.kind === 'link'
    ? limits.packageExpiresLinkMs
    : limits.packageExpiresDirectoryMs;
}

function freeze<T>(value: T): DeepReadonly<T> {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) freeze(part);
    Object.freeze(value);
  }
  return value as DeepReadonly<T>;
}
