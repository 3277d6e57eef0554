/** What an operator may do besides what every operator may: rights of the policy in force. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { Policy, RightName } from '@sallyport/shared/policy/model.ts';

/** Errors: RIGHT_MISSING. */
export function expectRight(
  { rights = [] }: Policy,
  may: RightName,
  { actor, consumer }: { readonly actor: string; readonly consumer: string },
  nowMs: number,
): void {
  const held = rights.some(
    (right) =>
      right.actor === actor &&
      right.consumer === consumer &&
      right.may === may &&
      nowMs < (right.untilMs ?? Number.POSITIVE_INFINITY),
  );
  if (held) return;
  throw new SallyportError('RIGHT_MISSING', `expected ${actor} to have ${may}`, {
    hint: `add it for ${consumer} under "rights" of the policy, and apply it`,
  });
}
