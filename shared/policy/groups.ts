/**
 * Groups of consumers. A group is a way of writing: what follows here is a grant for each
 * consumer, so nobody has to know who is in which group to see who may what.
 */
import type { z } from 'zod';
import type { Placed } from './check.ts';
import type { GrantText, grantShape, groupShape } from './grammar.ts';
import type { Add } from './references.ts';

/**
 * Grants for one consumer each, in the order of the text. `isBroken`: whether the part of that
 * name has a fault of its own.
 */
export function expandGrants(
  grants: readonly Placed<z.infer<typeof grantShape>>[],
  groups: readonly Placed<z.infer<typeof groupShape>>[],
  isBroken: (name: string) => boolean,
  add: Add,
): Placed<GrantText>[] {
  const members = new Map(groups.map(({ value }) => [value.name, value.consumers]));
  return grants.flatMap(({ value: { consumer, group, ...rest }, path }) => {
    if ((consumer === undefined) === (group === undefined)) {
      add(path, 'expected a consumer or a group, one of the two');
      return [];
    }
    if (consumer !== undefined) return [{ value: { ...rest, consumer }, path }];
    const found = members.get(group ?? '');
    if (!found && !isBroken(group ?? '')) {
      add([...path, 'group'], `expected a group of the policy, got "${group}"`);
    }
    return (found ?? []).map((member) => ({ value: { ...rest, consumer: member }, path }));
  });
}

/** Each group has a name of its own, and consumers of the policy, each once. */
export function checkGroups(
  groups: readonly Placed<z.infer<typeof groupShape>>[],
  isConsumer: (name: string) => boolean,
  add: Add,
): void {
  const seen = new Set<string>();
  for (const { value, path } of groups) {
    if (seen.has(value.name)) {
      add([...path, 'name'], `expected a name of its own, got "${value.name}" again`);
    }
    seen.add(value.name);
    value.consumers.forEach((consumer, index) => {
      const at = [...path, 'consumers', index];
      if (!isConsumer(consumer)) add(at, `expected a consumer of the policy, got "${consumer}"`);
      if (value.consumers.indexOf(consumer) !== index) add(at, 'expected each consumer once');
    });
  }
}
