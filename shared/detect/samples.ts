/** Values that answers of a service were seen to hold, by field, for masks to be proposed from. */
import { type FieldPath, parseField } from '../content/fields.ts';
import type { Json } from '../content/json.ts';
import { limits } from '../limits.ts';

/**
 * A sample is an answer, or an item of one: so `$.items[*].name` is also looked for as `$.name`, and each
 * item of a list that is given counts as a sample too. At most `sampleValuesMax` values a field.
 */
export function valuesOf(samples: readonly Json[]): (field: string) => (string | number)[] {
  const documents = samples.flatMap((one) => (Array.isArray(one) ? [one, ...one] : [one]));
  return (field) => {
    const path = parseField(field);
    if (path === undefined) return [];
    const tail = path.slice(path.lastIndexOf(null) + 1);
    const paths = tail.length === path.length ? [path] : [path, tail];
    const found: (string | number)[] = [];
    for (const document of documents) {
      for (const one of paths) collect(document, one, found);
      if (found.length >= limits.sampleValuesMax) break;
    }
    return found.slice(0, limits.sampleValuesMax);
  };
}

function collect(value: Json, [step, ...rest]: FieldPath, found: (string | number)[]): void {
  if (step === undefined) {
    if (typeof value === 'string' || typeof value === 'number') found.push(value);
  } else if (step === null) {
    if (Array.isArray(value)) for (const item of value) collect(item, rest, found);
  } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, step)) {
    const member = (value as Readonly<Record<string, Json>>)[step];
    if (member !== undefined) collect(member, rest, found);
  }
}
