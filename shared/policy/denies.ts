/** Deny rules: their references, and their normal form. */
import type { z } from 'zod';
import type { Draft, Placed } from './check.ts';
import type { groupShape } from './grammar.ts';
import type { Add } from './references.ts';
import { type Deny, type DenyText, termFaults, termsOf } from './terms.ts';

/** Groups become their consumers, as in grants. `isBroken`: whether a part has a fault of its own. */
export function expandDenies(
  denies: readonly Placed<DenyText>[],
  groups: readonly Placed<z.infer<typeof groupShape>>[],
  isBroken: (name: string) => boolean,
  add: Add,
): Placed<DenyText>[] {
  const members = new Map(groups.map(({ value }) => [value.name, value.consumers]));
  return denies.map(({ value: { groups: named, ...rest }, path }) => {
    if (named === undefined) return { value: rest, path };
    const consumers = named.flatMap((group, index) => {
      const found = members.get(group);
      if (!found && !isBroken(group)) {
        add([...path, 'groups', index], `expected a group of the policy, got "${group}"`);
      }
      return found ?? [];
    });
    return { value: { ...rest, consumers: [...(rest.consumers ?? []), ...consumers] }, path };
  });
}

/** Names, references, dates and conditions. */
export function checkDenies(draft: Draft, add: Add): void {
  const consumers = new Set(draft.consumers.map(({ value }) => value.name));
  const flows = flowsOf(draft);
  const seen = new Set<string>();
  for (const { value, path } of draft.deny) {
    if (seen.has(value.name)) {
      add([...path, 'name'], `expected a name of its own, got "${value.name}" again`);
    }
    seen.add(value.name);
    value.consumers?.forEach((consumer, index) => {
      if (consumers.has(consumer) || draft.broken.has(consumer)) return;
      const at = [...path, 'consumers', index];
      add(at, `expected a consumer of the policy, got "${consumer}"`);
    });
    value.routes?.forEach((text, index) => {
      const service = text.split('/', 1)[0] ?? '';
      if (draft.broken.has(text) || draft.broken.has(service)) return;
      if (expandFlow(text, flows).length > 0) return;
      const at = [...path, 'routes', index];
      add(at, `expected service/route or service/* of the policy, got "${text}"`);
    });
    termFaults(value, path, add);
  }
}

/** By name; only for drafts without faults. */
export function deniesOf(draft: Draft): Deny[] {
  const flows = flowsOf(draft);
  const denies = draft.deny.map(({ value }): Deny => {
    const { name, reason, consumers, routes } = value;
    const denied = routes?.flatMap((text) => expandFlow(text, flows));
    return {
      name,
      reason,
      ...(consumers && { consumers: [...new Set(consumers)].sort() }),
      ...(denied && { flows: [...new Set(denied)].sort() }),
      ...termsOf(value),
    };
  });
  return denies.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function flowsOf(draft: Draft): string[] {
  return draft.services.flatMap(({ value, routes }) =>
    routes.map((route) => `${value.name}/${route.value.name}`),
  );
}

/** `service/*` stands for all routes of the service. */
function expandFlow(text: string, flows: readonly string[]): readonly string[] {
  if (!text.endsWith('/*')) return flows.filter((flow) => flow === text);
  return flows.filter((flow) => flow.startsWith(text.slice(0, -1)));
}
