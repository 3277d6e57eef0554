/** Faults of what a grant says besides its routes and fields: dates, condition, exceptions. */
import { type FieldPath, formatField, parseField } from '../content/fields.ts';
import type { Draft } from './check.ts';
import type { RouteText } from './grammar.ts';
import { type Add, covers } from './references.ts';
import { exceptionFaults, termFaults } from './terms.ts';

/** `nowMs`: from when the end of an exception is measured. */
export function checkTerms(draft: Draft, nowMs: number, add: Add): void {
  const routes = new Map<string, RouteText>();
  for (const { value, routes: own } of draft.services) {
    for (const route of own) routes.set(`${value.name}/${route.value.name}`, route.value);
  }
  for (const { value, path } of draft.grants) {
    termFaults(value, path, add);
    const granted = value.fields.flatMap((field) => wrapped(parseField(field)));
    const masks = value.routes.flatMap((flow) => routes.get(flow)?.response.masks ?? []);
    const masked = masks.flatMap(({ field }) => wrapped(parseField(field))).map(formatField);
    const about = {
      path,
      masked: new Set(masked),
      covers: (field: FieldPath) => granted.some((one) => covers(one, field)),
      nowMs,
    };
    exceptionFaults(value.unmasked, about, add);
  }
}

const wrapped = (path: FieldPath | undefined): FieldPath[] => (path === undefined ? [] : [path]);
