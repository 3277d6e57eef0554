/** What is wrong with a mask at its place, as the author of a policy is told. */
import { type Schema, typesOf } from '../content/schema.ts';
import { ff1LengthMin } from './ff1.ts';
import { type Mask, readsOf } from './mask.ts';
import { regexFault } from './regex.ts';

/** `node`: the schema of the field; undefined where there is none. */
export function maskFault(mask: Mask, node: Schema | undefined): string | undefined {
  if (node === undefined) return 'expected a field of the response schema';
  const reads = readsOf(mask);
  const types = typesOf(node);
  const fits = (type: 'string' | 'number'): boolean =>
    types.includes(type) || (type === 'number' && types.includes('integer'));
  if (reads !== undefined && !reads.some(fits)) {
    return `expected a field of type ${reads.join(' or ')} for "${mask.transform}"`;
  }
  switch (mask.transform) {
    case 'keep':
      if (mask.first + mask.last > 0) return undefined;
      return 'expected first or last above 0: use "fixed" to hide all';
    case 'regex':
      return regexFault(mask.pattern, mask.replace);
    case 'token':
      return mask.as === 'random' ? undefined : domainFault(mask.as, node);
    default:
      return undefined;
  }
}

function domainFault(form: 'digits' | 'alphanumeric', { maxLength }: Schema): string | undefined {
  const least = ff1LengthMin(form);
  if (maxLength === undefined || maxLength >= least) return undefined;
  return `expected a field of ${least} characters or more: FF1 refuses domains under one million`;
}
