/** What a new policy changes, in lines that a person can review. Equal policies give no line. */
import { createHash } from 'node:crypto';
import { type Credential, labelOf } from '../accounts/credential.ts';
import type { Policy } from './model.ts';

export interface Change {
  readonly kind: 'added' | 'removed' | 'changed';
  /** Such as `grants/tax-bureau/citizen-registry/get-citizen`. */
  readonly part: string;
  /** Such as `fields + $.phone`; empty for a whole part. */
  readonly detail: string;
}

/**
 * Changes from `before` (undefined: no policy yet) to `after`, by part. Key hashes are never shown.
 */
export function diffPolicy(before: Policy | undefined, after: Policy): Change[] {
  const old = before === undefined ? new Map<string, Details>() : partsOf(before);
  const fresh = partsOf(after);
  const names = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  return names.flatMap((part): Change[] => {
    const was = old.get(part);
    const is = fresh.get(part);
    if (was === undefined) return [{ kind: 'added', part, detail: '' }];
    if (is === undefined) return [{ kind: 'removed', part, detail: '' }];
    return detailChanges(was, is).map((detail) => ({ kind: 'changed', part, detail }));
  });
}

/** `~ grants/tax-bureau/citizen-registry/get-citizen fields + $.phone`. */
export function formatChange({ kind, part, detail }: Change): string {
  const sign = { added: '+', removed: '-', changed: '~' }[kind];
  return detail === '' ? `${sign} ${part}` : `${sign} ${part} ${detail}`;
}

/** Place within a part → its value as text; a set where the order means nothing. */
type Details = Map<string, string | Set<string>>;

function partsOf(policy: Policy): Map<string, Details> {
  const parts = new Map<string, Details>();
  const add = (part: string, content: object): void => {
    const details: Details = new Map();
    flatten(content, '', details);
    parts.set(part, details);
  };
  for (const { routes, ...service } of policy.services) {
    add(`services/${service.name}`, service);
    for (const route of routes) {
      const masks = Object.fromEntries(
        route.response.masks.map(({ field, ...mask }) => [field, mask]),
      );
      add(`services/${service.name}/${route.name}`, {
        ...route,
        response: { ...route.response, masks },
      });
    }
  }
  for (const { credentials, ...consumer } of policy.consumers) {
    const named = Object.fromEntries(credentials.map((one) => [labelOf(one), shown(one)]));
    add(`consumers/${consumer.name}`, { ...consumer, credentials: named });
  }
  const { hashKey, keys } = policy.credentials;
  for (const { hash, createdAtMs, expiresAtMs, ...key } of keys) {
    // Not the hash itself, but a change of it, or of the key under which it was made, must show.
    const secret = createHash('sha256').update(hashKey).update(hash).digest('hex').slice(0, 8);
    const details = { ...key, secret, created: dateOf(createdAtMs), expires: dateOf(expiresAtMs) };
    add(`keys/${key.consumer}/${key.prefix}`, details);
  }
  for (const { actor, may, consumer, untilMs } of policy.rights ?? []) {
    add(`rights/${actor}/${may}/${consumer}`, { until: dateOf(untilMs) });
  }
  for (const { fromMs, untilMs, unmasked = [], ...grant } of policy.grants) {
    const name = `${grant.consumer}/${grant.flow}`;
    add(`grants/${name}`, { ...grant, ...datesOf(fromMs, untilMs) });
    // Parts of their own, so that nobody overlooks one in the lines of its grant.
    for (const { field, untilMs: endMs, ...why } of unmasked) {
      add(`unmasked/${name}/${field}`, { ...why, until: dateOf(endMs) });
    }
  }
  for (const { name, options, headers, ...plugin } of policy.plugins ?? []) {
    // As one text each: their order has a meaning.
    const given = { options: JSON.stringify(options), headers: headers?.join(' ') };
    const said = Object.entries(given).filter(([, value]) => value !== undefined);
    add(`plugins/${name}`, { ...plugin, ...Object.fromEntries(said) });
  }
  for (const { name, fromMs, untilMs, ...rule } of policy.deny ?? []) {
    add(`deny/${name}`, { ...rule, ...datesOf(fromMs, untilMs) });
  }
  return parts;
}

/** A credential for people: of long texts a fingerprint, with which they can be compared. */
function shown(credential: Credential): object {
  const short = Object.entries(credential).map(([name, value]) => [
    name,
    name === 'publicKey' || name === 'ca' ? fingerprint(String(value)) : value,
  ]);
  if (credential.type !== 'jwt') return Object.fromEntries(short);
  const keys = credential.keys.map(({ publicKey, ...key }) => ({
    ...key,
    publicKey: fingerprint(publicKey),
  }));
  return { ...credential, keys };
}

const fingerprint = (base64: string): string =>
  `sha256:${createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex').slice(0, 16)}`;

function datesOf(fromMs: number | undefined, untilMs: number | undefined): object {
  return { ...(fromMs !== undefined && { from: dateOf(fromMs) }), until: dateOf(untilMs) };
}

function dateOf(ms: number | undefined): string {
  return ms === undefined ? 'never' : new Date(ms).toISOString();
}

function flatten(value: unknown, at: string, details: Details): void {
  if (Array.isArray(value)) {
    details.set(
      at,
      new Set(value.map((item) => (typeof item === 'object' ? lineOf(item) : String(item)))),
    );
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      flatten(item, at === '' ? name : `${at}.${name}`, details);
    }
  } else details.set(at, shortened(String(value)));
}

/** A whole file in one value, such as an XML Schema, is told by its fingerprint. */
function shortened(text: string): string {
  return text.length <= 512
    ? text
    : `sha-256 ${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

function lineOf(item: unknown): string {
  const inner: Details = new Map();
  flatten(item, '', inner);
  return [...inner].map(([name, value]) => `${name} ${String(value)}`).join(', ');
}

function detailChanges(was: Details, is: Details): string[] {
  const places = [...new Set([...was.keys(), ...is.keys()])].sort();
  return places.flatMap((at) => {
    const before = was.get(at);
    const after = is.get(at);
    if (typeof before === 'string' && typeof after === 'string') {
      return before === after ? [] : [`${at} ${before} → ${after}`];
    }
    if (typeof before === 'string' || typeof after === 'string') {
      return [...gone(at, before), ...come(at, after)];
    }
    const old = before ?? new Set<string>();
    const fresh = after ?? new Set<string>();
    return [
      ...[...old].filter((item) => !fresh.has(item)).map((item) => `${at} - ${item}`),
      ...[...fresh].filter((item) => !old.has(item)).map((item) => `${at} + ${item}`),
    ];
  });
}

function gone(at: string, value: string | Set<string> | undefined): string[] {
  return value === undefined
    ? []
    : [`${at} - ${typeof value === 'string' ? value : [...value].join(', ')}`];
}

function come(at: string, value: string | Set<string> | undefined): string[] {
  return value === undefined
    ? []
    : [`${at} + ${typeof value === 'string' ? value : [...value].join(', ')}`];
}
