/** Masks as the policy writes them and the bundle carries them. docs/spec/masking.md is the norm. */
import { z } from 'zod';
import { limits } from '../limits.ts';

const field = z.string();
const plainTransforms = [
  'drop',
  'null',
  'fixed',
  'surname',
  'email',
  'plate',
  'hash',
  'encrypt',
] as const;

export const addressLevels = ['province', 'city', 'district'] as const;
export type AddressLevel = (typeof addressLevels)[number];

/** Characters that may stand for a hidden one; `*` where the policy says nothing. */
const hidingCharacters = ['#', '-', 'X', 'x', '•'] as const;

/** How a token looks: random, kept in the vault, or of the form of its value, by FF1. */
export const tokenForms = ['random', 'digits', 'alphanumeric'] as const;
export type TokenForm = (typeof tokenForms)[number];

const finite = z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);

const edges = z
  .array(finite)
  .min(1)
  .max(limits.bucketEdgesMax)
  .refine((list) => list.every((edge, at) => at === 0 || edge > Number(list[at - 1])), {
    message: 'expected edges in ascending order',
  });

const others = [
  z.strictObject({ field, transform: z.enum(plainTransforms) }),
  z.strictObject({ field, transform: z.literal('address'), level: z.enum(addressLevels) }),
  z.strictObject({ field, transform: z.literal('date'), to: z.enum(['year', 'month']) }),
  z.strictObject({ field, transform: z.literal('bucket'), edges }),
  z.strictObject({ field, transform: z.literal('round'), to: z.number().min(1e-6).max(1e12) }),
  z.strictObject({ field, transform: z.literal('noise'), within: z.number().min(1e-6).max(1e12) }),
  z.strictObject({
    field,
    transform: z.literal('regex'),
    pattern: z.string().min(1).max(limits.patternCharactersMax),
    replace: z.string().max(limits.patternCharactersMax),
  }),
] as const;

const pluginName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);

const kept = z.int().min(0).max(32);
const keep = { field, transform: z.literal('keep'), char: z.enum(hidingCharacters).optional() };

/** A mask in normal form. */
export const maskShape = z.discriminatedUnion('transform', [
  z.strictObject({ ...keep, first: kept, last: kept }),
  z.strictObject({ field, transform: z.literal('plugin'), plugin: pluginName }),
  z.strictObject({ field, transform: z.literal('token'), as: z.enum(tokenForms) }),
  ...others,
]);

/**
 * A mask as a person writes it; YAML reads `transform: null` as no value, and a plug-in is written
 * `transform: plugin:NAME`.
 */
export const maskTextShape = z.preprocess(
  (value) => {
    if (typeof value !== 'object' || value === null) return value;
    const transform: unknown = Reflect.get(value, 'transform');
    if (transform === null) return { ...value, transform: 'null' };
    const plugin = typeof transform === 'string' ? /^plugin:(.*)$/.exec(transform)?.[1] : undefined;
    return plugin === undefined ? value : { ...value, transform: 'plugin', plugin };
  },
  z.discriminatedUnion('transform', [
    z.strictObject({ ...keep, first: kept.default(0), last: kept.default(0) }),
    z.strictObject({ field, transform: z.literal('plugin'), plugin: pluginName }),
    z.strictObject({
      field,
      transform: z.literal('token'),
      as: z.enum(tokenForms).default('random'),
    }),
    ...others,
  ]),
);

/** A mask as the policy holds it. */
export type Mask =
  | { readonly field: string; readonly transform: (typeof plainTransforms)[number] }
  | {
      readonly field: string;
      readonly transform: 'keep';
      readonly first: number;
      readonly last: number;
      readonly char?: (typeof hidingCharacters)[number] | undefined;
    }
  | { readonly field: string; readonly transform: 'address'; readonly level: AddressLevel }
  | { readonly field: string; readonly transform: 'date'; readonly to: 'year' | 'month' }
  | { readonly field: string; readonly transform: 'bucket'; readonly edges: readonly number[] }
  | { readonly field: string; readonly transform: 'round'; readonly to: number }
  | { readonly field: string; readonly transform: 'noise'; readonly within: number }
  | { readonly field: string; readonly transform: 'token'; readonly as: TokenForm }
  | { readonly field: string; readonly transform: 'plugin'; readonly plugin: string }
  | {
      readonly field: string;
      readonly transform: 'regex';
      readonly pattern: string;
      readonly replace: string;
    };

type Transform = Mask['transform'];

/** Transforms that read text, numbers, or whatever is plain; the rest do not look at the value. */
const readings: Readonly<Record<Transform, readonly ('string' | 'number')[] | undefined>> = {
  drop: undefined,
  null: undefined,
  fixed: undefined,
  keep: ['string'],
  surname: ['string'],
  email: ['string'],
  plate: ['string'],
  address: ['string'],
  date: ['string'],
  regex: ['string'],
  token: ['string'],
  bucket: ['string', 'number'],
  round: ['number'],
  noise: ['number'],
  hash: ['string', 'number'],
  encrypt: ['string', 'number'],
  plugin: ['string', 'number'],
};

/** Which types of value the transform reads, one of which its field must be able to hold. */
export function readsOf({ transform }: Mask): readonly ('string' | 'number')[] | undefined {
  return readings[transform];
}

const keyed: ReadonlySet<Transform> = new Set(['hash', 'token', 'noise']);

/** True where the result depends on a key that only the inner node has. */
export function isKeyed({ transform }: Mask): boolean {
  return keyed.has(transform);
}
