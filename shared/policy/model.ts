/**
 * The policy in normal form: the content of a bundle. Defaults are filled in, schemas are inlined,
 * every list has one order, so that equal policies are equal bytes. docs/spec/policy.md is the
 * norm.
 */
import type { Credential } from '../accounts/credential.ts';
import type { Schema } from '../content/schema.ts';
import type { Content } from '../content/translate.ts';
import type { RecipientKey } from '../masking/jwe.ts';
import type { Mask } from '../masking/mask.ts';
import type { Detect } from '../masking/net-rule.ts';
import type { FileRule } from './files.ts';
import type { PluginEntry } from './plugins.ts';
import type { Deny, Exception, Rates, Terms } from './terms.ts';

export interface Policy {
  /** By name. */
  readonly services: readonly Service[];
  /** By name. */
  readonly consumers: readonly ConsumerEntry[];
  /** By consumer, then flow; one for each pair. */
  readonly grants: readonly Grant[];
  /** By name. Absent where there is none. What one of them fits is refused, whatever a grant says. */
  readonly deny?: readonly Deny[];
  readonly credentials: Credentials;
  /** By name. Absent where there is none. */
  readonly plugins?: readonly PluginEntry[];
  /** By actor, right and consumer; each once. Absent where there is none. */
  readonly rights?: readonly Right[];
}

/** Data levels of GB/T 43697, highest first. */
export const dataLevels = ['core', 'important', 'general'] as const;
export type DataLevel = (typeof dataLevels)[number];

export const methodNames = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'] as const;
export type Method = (typeof methodNames)[number];

export interface Service {
  readonly name: string;
  /** Department that answers for the data. */
  readonly owner: string;
  readonly level: DataLevel;
  readonly upstream: Upstream;
  /** By name. */
  readonly routes: readonly Route[];
}

export interface Upstream {
  /** Base URLs without trailing slash; the normal path of a request is appended. */
  readonly targets: readonly { readonly url: string; readonly weight: number }[];
  /** How long one attempt may take. */
  readonly timeoutMs: number;
}

export interface Route {
  readonly name: string;
  readonly methods: readonly Method[];
  /** Template such as `/citizens/{id}`, its literal segments in normal form. */
  readonly path: string;
  /** How long a caller waits on the line for the answer. */
  readonly timeoutMs: number;
  /** How long after acceptance the answer is still of use; at least `timeoutMs`. */
  readonly deadlineMs: number;
  /** A request may be repeated after a doubt. GET always may. */
  readonly idempotent: boolean;
  /** The service honours Idempotency-Key, so that a repeated request has one effect. */
  readonly idempotencyKey: boolean;
  readonly request: {
    readonly params?: Schema;
    readonly query?: Schema;
    readonly body?: Schema;
    /** How the body is written. Absent: strict JSON in NFC without hidden characters. */
    readonly content?: Content;
    /** By field. Absent where no field holds a file. */
    readonly files?: readonly FileRule[];
    readonly headers: readonly string[];
    /** Content checks, by name of their plug-ins; absent where there are none. */
    readonly checks?: readonly string[];
  };
  readonly response: {
    /** Statuses whose body is released by `schema`; ascending. */
    readonly statuses: readonly number[];
    readonly schema?: Schema;
    /** How the body is written; as in the request. */
    readonly content?: Content;
    /** By field; as in the request. */
    readonly files?: readonly FileRule[];
    readonly headers: readonly string[];
    /** By field. */
    readonly masks: readonly Mask[];
    /** What the second net does. Absent: it masks, and looks at every field that no mask covers. */
    readonly detect?: Detect;
    /** As in the request. */
    readonly checks?: readonly string[];
  };
}

export interface ConsumerEntry {
  readonly name: string;
  /** In one order. */
  readonly credentials: readonly Credential[];
  /** To whom `encrypt` encrypts. */
  readonly encryptionKey?: RecipientKey;
}

export interface Grant extends Terms {
  readonly consumer: string;
  /** `service/route`. */
  readonly flow: string;
  /** Fields of the response, in normal form and order. */
  readonly fields: readonly string[];
  /** Calls that the consumer may make on this flow. */
  readonly limits?: Rates;
  /** By field. Absent where there is none. */
  readonly unmasked?: readonly Exception[];
}

/** Turn tokens back into values; have files masked with the keys of a recipient. */
export const rightNames = ['reverse-tokens', 'mask-files'] as const;
export type RightName = (typeof rightNames)[number];

/** What an operator may do besides what every operator may. Never part of the outer edition. */
export interface Right {
  /** Name of the operating system's user. */
  readonly actor: string;
  readonly may: RightName;
  /** Of which recipient. */
  readonly consumer: string;
  /** First millisecond at which the right no longer holds. */
  readonly untilMs?: number;
}

/** Issued keys: not part of policy.yaml, merged in when the policy is applied. */
export interface Credentials {
  /** HMAC-SHA-256 key for the hashes, 32 bytes, base64url; empty as long as no key was issued. */
  readonly hashKey: string;
  /** By id. */
  readonly keys: readonly KeyRecord[];
}

/** What remains of an API key after it was shown once. */
export interface KeyRecord {
  readonly id: string;
  readonly type: 'key';
  readonly consumer: string;
  /** The visible start and end of the key, for people. */
  readonly prefix: string;
  readonly lastFour: string;
  /** HMAC-SHA-256 of the whole key under `hashKey`, base64url. */
  readonly hash: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
}

export const noCredentials: Credentials = { hashKey: '', keys: [] };

/** Names of services, routes, consumers and owners. */
export const namePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Names of operators. */
export const actorPattern = /^[\w.@-]{1,64}$/;

/** A policy's faults carry their place, so that all can be shown at once. */
export interface Fault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** Such as `services[0].routes[1].path`. */
  readonly path: string;
  readonly message: string;
}

/** Names of the parameters of a path template, in order. */
export function templateParams(path: string): string[] {
  return [...path.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] ?? '');
}
