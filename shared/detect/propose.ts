/** A mask for a field that somebody is about to describe, from its name and samples of its values. */
import { isNamed, type Kind, kinds } from './kinds.ts';
import { compileScan, type Scan } from './scan.ts';

/** A transform with its keys, as the policy writes it, and why. */
export interface ProposedMask {
  readonly kind: Kind;
  /** Of the samples, how many were of this kind; 0: by the name of the field alone. */
  readonly samples: number;
  readonly mask: ProposedTransform;
}

export type ProposedTransform =
  | { readonly transform: 'fixed' | 'surname' | 'email' | 'plate' | 'hash' }
  | { readonly transform: 'keep'; readonly first: number; readonly last: number }
  | { readonly transform: 'address'; readonly level: 'district' };

const masks: Readonly<Record<Kind, ProposedTransform>> = {
  secret: { transform: 'fixed' },
  'resident-id': { transform: 'keep', first: 3, last: 4 },
  'credit-code': { transform: 'keep', first: 2, last: 4 },
  'bank-card': { transform: 'keep', first: 0, last: 4 },
  email: { transform: 'email' },
  mobile: { transform: 'keep', first: 3, last: 4 },
  landline: { transform: 'fixed' },
  plate: { transform: 'plate' },
  passport: { transform: 'keep', first: 1, last: 2 },
  permit: { transform: 'keep', first: 1, last: 2 },
  ip: { transform: 'hash' },
  address: { transform: 'address', level: 'district' },
  name: { transform: 'surname' },
};

/**
 * What the samples are counts before what the name says; undefined where neither says anything.
 * Samples are read and forgotten: the result holds no value.
 */
export function detect(
  fieldName: string,
  samples: readonly (string | number)[],
): ProposedMask | undefined {
  const scan: Scan = compileScan(fieldName);
  const counts = new Map<Kind, number>();
  for (const sample of samples) {
    const kind = scan(sample);
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
  const kind = most?.[0] ?? kinds.find((one) => isNamed(one, fieldName));
  if (kind === undefined) return undefined;
  return { kind, samples: most?.[1] ?? 0, mask: masks[kind] };
}
