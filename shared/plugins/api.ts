/**
 * What a plug-in is, for those who write one: types and nothing else, so that a plug-in file can import them
 * and still stand alone when it runs. docs/operating/plugins.md is the guide, docs/spec/plugins.md the norm.
 *
 *   import type { Transform } from '@sallyport/shared/plugins/api.ts';
 *   export default { kind: 'transform', … } satisfies Transform;
 *
 * Every function answers at once, keeps nothing between calls, and sees no more than it is given.
 */

/** JSON as it is parsed. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

interface Common {
  /** `a-z 0-9 -`; for people: the policy names a plug-in by the digest of its file. */
  readonly name: string;
  /** Such as `1.0.0`. */
  readonly version: string;
  /**
   * JSON Schema of the options that the policy gives, in the closed profile of docs/spec/policy.md.
   * Absent: there are none, and the functions get an empty object.
   */
  readonly options?: object;
}

interface Example<Options> {
  /** Absent: none. */
  readonly options?: Options;
}

/** Makes another value of one that leaves the inner domain. */
export interface Transform<Options = Record<string, never>> extends Common {
  readonly kind: 'transform';
  /** A value that it does not understand it hides: `***`. */
  transform(value: string | number, options: Options): string | number | null;
  /** True for what `transform` can give; the far side asks it of every value. `***` is always one. */
  isMasked(value: string | number | null, options: Options): boolean;
  readonly examples: readonly (Example<Options> & {
    readonly value: string | number;
    readonly gives: string | number | null;
  })[];
}

/** From, to (exclusive), in UTF-16 code units of the text. */
export type Span = readonly [from: number, to: number];

/** Finds in a text what must not leave. */
export interface Detector<Options = Record<string, never>> extends Common {
  readonly kind: 'detector';
  /** In ascending order. `field` is the name of the member that holds the text. */
  detect(text: string, field: string, options: Options): readonly Span[];
  readonly examples: readonly (Example<Options> & {
    readonly text: string;
    readonly field?: string;
    readonly gives: readonly Span[];
  })[];
}

/** What a condition is decided by. */
export interface CallFacts {
  /** Clock of the guard that decides, Unix ms. */
  readonly timeMs: number;
  readonly method: string;
  readonly consumer: string;
  readonly route: {
    /** `service/route`. */
    readonly flow: string;
    readonly owner: string;
    readonly level: 'core' | 'important' | 'general';
  };
}

/** Answers `request.plugin("name")` in a condition of the policy. */
export interface Condition<Options = Record<string, never>> extends Common {
  readonly kind: 'condition';
  holds(facts: CallFacts, options: Options): boolean;
  readonly examples: readonly (Example<Options> & {
    readonly facts: CallFacts;
    readonly gives: boolean;
  })[];
}

/** Looks at a whole document: of a request once it fits its schema, of an answer before it is masked. */
export interface Check<Options = Record<string, never>> extends Common {
  readonly kind: 'check';
  /** `ok`, or the name of the rule that is broken: `a-z 0-9 -`, never a value. */
  check(document: Json, options: Options): string;
  readonly examples: readonly (Example<Options> & {
    readonly document: Json;
    readonly gives: string;
  })[];
}

/** What an authenticator sees of a call. */
export interface ShownCall {
  /** Clock of the guard that asks, Unix ms. */
  readonly timeMs: number;
  readonly method: string;
  /** In normal form. */
  readonly path: string;
  /** Decoded, in the order of the call. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Those that the policy names and that came; lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the body as it came, in hex. */
  readonly bodySha256: string;
}

/** What the realm of a plug-in has no means for. */
export interface Tools {
  /** Hex. */
  sha256(text: string): string;
  /**
   * Hex, under a secret that lies in `keys/plugins/DIGEST/` of the node, the digest its own. Of one that
   * is not there none that fits.
   */
  hmacSha256(secret: string, text: string): string;
  /** In a time that does not tell where two texts differ. */
  same(one: string, other: string): boolean;
}

/** Recognises a caller. */
export interface Authenticator<Options = Record<string, never>> extends Common {
  readonly kind: 'authenticator';
  /** The id of a credential of the policy; null: not recognised. */
  authenticate(call: ShownCall, options: Options, tools: Tools): string | null;
  readonly examples: readonly (Example<Options> & {
    readonly call: ShownCall;
    /** Secrets for this example. */
    readonly secrets?: Readonly<Record<string, string>>;
    readonly gives: string | null;
  })[];
}

/** One of the kinds. */
export type Plugin<Options = Record<string, never>> =
  | Transform<Options>
  | Detector<Options>
  | Condition<Options>
  | Check<Options>
  | Authenticator<Options>;
