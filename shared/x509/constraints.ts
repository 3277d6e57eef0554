/** What a certificate demands of the path that it is part of (RFC 5280 §6.1), as far as it is known here. */
import type { X509Certificate } from 'node:crypto';
import { contextTag, derAt, derElements, oid, tags } from '../package/der.ts';
import { extensionIds } from './extensions.ts';

export interface Constraints {
  /** How many CAs may stand between it and the last certificate. */
  readonly pathLengthMax: number;
  /** It has nothing critical, and no constraint on names, that would have to be understood. */
  readonly isKnown: boolean;
}

const basic = oid(extensionIds.basicConstraints);
const names = oid('2.5.29.30');
const { keyUsage, extendedKeyUsage, subjectAltName } = extensionIds;
const certificatePolicies = '2.5.29.32';
const known = [
  basic,
  ...[keyUsage, extendedKeyUsage, subjectAltName, certificatePolicies].map(oid),
];

/** A certificate that cannot be read is not known. */
export function constraintsOf({ raw }: Pick<X509Certificate, 'raw'>): Constraints {
  try {
    return read(raw);
  } catch {
    return { pathLengthMax: 0, isKnown: false };
  }
}

function read(raw: Buffer): Constraints {
  let pathLengthMax = Number.POSITIVE_INFINITY;
  let isKnown = true;
  const own = derElements(derAt(raw, 0, 0).content).find((one) => one[0] === contextTag(3, true));
  for (const extension of own ? derElements(derAt(own, 0, 0).content) : []) {
    const [id = extension, ...rest] = derElements(derAt(extension, 0).content);
    // Beside its value there is nothing but `critical`, however its TRUE is spelt.
    const isCritical = rest.length > 1;
    if (id.equals(names) || (isCritical && !known.some((one) => one.equals(id)))) isKnown = false;
    if (id.equals(basic)) pathLengthMax = pathLengthOf(rest.at(-1) ?? extension);
  }
  return { pathLengthMax, isKnown };
}

function pathLengthOf(value: Buffer): number {
  const parts = derElements(derAt(derAt(value, 0).content, 0).content);
  const length = parts.find(([tag]) => tag === tags.integer);
  if (length === undefined) return Number.POSITIVE_INFINITY;
  return Number.parseInt(derAt(length, 0).content.toString('hex'), 16);
}
