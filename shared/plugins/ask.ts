/** What is asked of plug-ins, and what is taken for an answer: neither they nor their process are trusted. */
import { parseJson } from '../content/json.ts';
import { checkTexts, strictText } from '../content/text.ts';
import { asSallyportError, type ErrorCode, isErrorCode, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Json } from './api.ts';
import { shownText } from './shown.ts';

export const pluginKinds = [
  'authenticator',
  'check',
  'condition',
  'detector',
  'transform',
] as const;
export type PluginKind = (typeof pluginKinds)[number];

/** A plug-in as a policy uses it. */
export interface PluginUse {
  /** As the policy names it. */
  readonly name: string;
  readonly kind: PluginKind;
  /** SHA-256 of its file, hex. */
  readonly digest: string;
  /** Absent: none. */
  readonly options?: Json;
}

/** `masked`: whether a value is one that a transform gives. Otherwise what its kind does. */
export interface PluginAsk {
  readonly use: PluginUse;
  readonly verb: PluginKind | 'masked';
  /** None: whether it is there and takes its options. */
  readonly items: readonly Json[];
}

/**
 * Asks all at once; an answer for each item of each. Errors: PLUGIN_MISSING, PLUGIN_REFUSED, PLUGIN_FAILED,
 * PLUGIN_ANSWER, each with the name of the plug-in as its rule.
 */
export type AskPlugins = (asks: readonly PluginAsk[]) => Promise<readonly (readonly Json[])[]>;

/** One of the asks as its process reads it. */
export interface WireAsk extends Omit<PluginAsk, 'use'> {
  readonly kind: PluginKind;
  readonly digest: string;
  readonly options: Json;
}

/** And as it answers. */
export type WireGiven =
  | { readonly gives: readonly Json[] }
  | { readonly code: ErrorCode; readonly message: string };

/** `send` carries the bytes to the process of the plug-ins and back. */
export function createAskPlugins(send: (body: Buffer) => Promise<Uint8Array>): AskPlugins {
  return async (asks) => {
    const [first] = asks;
    if (first === undefined) return [];
    const wire = asks.map(({ use: { kind, digest, options = {} }, verb, items }): WireAsk => {
      return { kind, digest, options, verb, items };
    });
    const body = Buffer.from(JSON.stringify(wire));
    if (body.length > limits.pluginAskBytesMax) {
      throw of(first, 'PLUGIN_FAILED', `at most ${limits.pluginAskBytesMax} bytes, got more`);
    }
    const told = parsed(
      first,
      await send(body).catch((thrown) => {
        const { code, message } = asSallyportError(thrown);
        const isAway = code === 'IPC_LOST' || code === 'PLUGIN_MISSING';
        throw of(first, isAway ? 'PLUGIN_MISSING' : 'PLUGIN_FAILED', `an answer: ${message}`);
      }),
    );
    return asks.map((ask, index) => givenOf(ask, Array.isArray(told) ? told[index] : undefined));
  };
}

function parsed(ask: PluginAsk, bytes: Uint8Array): Json {
  try {
    return parseJson(bytes, limits.pluginAnswerBytesMax);
  } catch {
    throw of(ask, 'PLUGIN_ANSWER', 'strict JSON, got another text');
  }
}

const pluginCodes: ReadonlySet<ErrorCode> = new Set([
  'PLUGIN_MISSING',
  'PLUGIN_REFUSED',
  'PLUGIN_FAILED',
]);

function givenOf(ask: PluginAsk, told: Json | undefined): readonly Json[] {
  const { gives, code, message } = (told ?? {}) as Readonly<Record<string, Json>>;
  if (isErrorCode(code)) {
    // Where no value was told, none can come back.
    const said = shownText(String(message)).replace(/^expected /, '');
    if (code === 'PLUGIN_ANSWER') throw noAnswer(ask);
    const detail = ask.items.length === 0 ? said : 'an answer';
    throw of(ask, pluginCodes.has(code) ? code : 'PLUGIN_FAILED', detail);
  }
  if (!Array.isArray(gives) || gives.length !== ask.items.length) {
    throw of(ask, 'PLUGIN_ANSWER', 'an answer for each item, got another number');
  }
  if (!areAnswers(ask, gives)) throw noAnswer(ask);
  return gives;
}

const noAnswer = (ask: PluginAsk): SallyportError =>
  of(ask, 'PLUGIN_ANSWER', `what a plug-in for ${ask.use.kind} may give, got another`);

/** Whether each of `gives` is what may be given for its item. */
export function areAnswers(
  { verb, items }: Pick<PluginAsk, 'verb' | 'items'>,
  gives: readonly Json[],
): boolean {
  return gives.every((given, index) => fits[verb](given, items[index] ?? null));
}

/** What each may give; the second is what it was asked. */
const fits: Readonly<Record<PluginAsk['verb'], (given: Json, item: Json) => boolean>> = {
  transform: (given) =>
    given === null || typeof given === 'number' || (isShort(given) && isPlain(given)),
  masked: isBoolean,
  condition: isBoolean,
  check: (given) => typeof given === 'string' && /^[a-z0-9-]{1,63}$/.test(given),
  authenticator: (given) =>
    given === null || (typeof given === 'string' && credentialIdPattern.test(given)),
  detector: (given, item) => {
    const [text] = item as readonly [string];
    if (!Array.isArray(given) || given.length > limits.pluginSpansMax) return false;
    let end = 0;
    return given.every((span: Json) => {
      if (!Array.isArray(span) || span.length !== 2) return false;
      const [from, to] = span as readonly Json[];
      const isPlace = isWhole(from) && isWhole(to) && from >= end && to > from && to <= text.length;
      if (isPlace) end = to;
      return isPlace;
    });
  },
};

/** Ids that an authenticator may give. */
export const credentialIdPattern = /^[A-Za-z0-9._:@-]{1,128}$/;

function isBoolean(given: Json): boolean {
  return typeof given === 'boolean';
}

const isShort = (given: Json): given is string =>
  typeof given === 'string' && given.length <= limits.pluginTextMax;

const isWhole = (value: Json | undefined): value is number => Number.isSafeInteger(value);

function isPlain(text: string): boolean {
  try {
    checkTexts(text, strictText);
    return true;
  } catch {
    return false;
  }
}

function of({ use }: PluginAsk, code: ErrorCode, expected: string): SallyportError {
  return new SallyportError(code, `plug-in ${use.name}: expected ${expected}`, {
    hint: 'see `sallyport plugin list` and docs/operating/plugins.md',
    rule: use.name,
  });
}
