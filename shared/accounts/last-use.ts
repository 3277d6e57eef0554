/**
 * When each credential was used last. Noted in memory with each call, which costs nothing, and
 * kept by the store once in a while: a crash forgets a minute of it, and a list of keys is none
 * the worse.
 */
import { limits } from '../limits.ts';

export interface CredentialUse {
  readonly consumer: string;
  /** As `labelOf` names it. */
  readonly credential: string;
  readonly atMs: number;
}

export interface LastUse {
  note(use: CredentialUse): void;
  /** What the store has, and what was noted since. */
  merged(kept: readonly CredentialUse[]): CredentialUse[];
  /** What was noted since the last time that is worth to be kept; empty more often than not. */
  due(nowMs: number): readonly CredentialUse[];
}

export function createLastUse(): LastUse {
  const noted = new Map<string, CredentialUse>();
  let keptMs = 0;
  return {
    note(use) {
      // Names come from the policy on the outer node, from a peer on the inner one: bounded all the same.
      if (noted.size < limits.policyKeysMax) noted.set(keyOf(use), use);
    },
    merged(kept) {
      const all = [...kept, ...noted.values()];
      return [...new Map(all.map((use) => [keyOf(use), use])).values()];
    },
    due(nowMs) {
      if (noted.size === 0 || Math.abs(nowMs - keptMs) < limits.credentialUsesMs) return [];
      keptMs = nowMs;
      const uses = [...noted.values()];
      noted.clear();
      return uses;
    },
  };
}

const keyOf = ({ consumer, credential }: CredentialUse): string => `${consumer} ${credential}`;
