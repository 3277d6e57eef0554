/** What masks cost that cost much more than to read and write their value. */
import type { Json } from '../content/json.ts';
import type { FieldMask } from '../content/place.ts';
import type { Work } from '../content/work.ts';
import type { Mask } from './mask.ts';
import { regexSize } from './regex.ts';

/** Steps (content/work.ts) of a value; of a regex by character, and by each instruction there. */
const costs = { encrypt: 100, ff1: 50, random: 10, character: 0.5, instruction: 0.02 } as const;

/** Counts what a mask costs before it works. What it made is known again at little cost, but for a regex. */
export function costed(mask: Mask, compiled: FieldMask, work: Work): FieldMask {
  const cost = costOf(mask);
  if (cost === undefined) return compiled;
  const { transform } = mask;
  const isCostly = transform === 'encrypt' || (transform === 'token' && mask.as !== 'random');
  return {
    ...compiled,
    isCostly,
    apply(value) {
      work.add(cost(value));
      return compiled.apply(value);
    },
    verify(value) {
      if (transform === 'regex') work.add(cost(value));
      return compiled.verify(value);
    },
  };
}

function costOf(mask: Mask): ((value: Json) => number) | undefined {
  switch (mask.transform) {
    case 'encrypt':
      return () => costs.encrypt;
    case 'token':
      return () => (mask.as === 'random' ? costs.random : costs.ff1);
    case 'regex': {
      const each = costs.character + regexSize(mask.pattern) * costs.instruction;
      return (value) => (typeof value === 'string' ? each * value.length : 0);
    }
    default:
      return undefined;
  }
}
