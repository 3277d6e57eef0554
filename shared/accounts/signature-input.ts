/** Signature-Input and Signature (RFC 9421 §4): what was signed, by which key, and the signature. */
import {
  type Item,
  isInnerList,
  type Parameters,
  serializeItem,
  serializeParameters,
} from 'structured-headers';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readDictionary } from './dictionary.ts';

/** One covered component, such as `"@query-param";name="Pet"`. */
export interface Component {
  readonly name: string;
  /** The query parameter that `@query-param` names. */
  readonly parameter: string | undefined;
  /** In the one spelling that the signature base has. */
  readonly text: string;
}

export interface SignatureInput {
  readonly components: readonly Component[];
  /** The whole list with its parameters, as it is signed (`@signature-params`). */
  readonly text: string;
  readonly keyid: string;
  readonly created: number | undefined;
  readonly expires: number | undefined;
  readonly nonce: string | undefined;
  readonly alg: string | undefined;
  readonly signature: Buffer;
}

/**
 * All signatures of a message that can be read; their labels mean nothing. Errors: SIGNATURE_REFUSED
 * where one is malformed, has parameters or components of a kind that this product does not know, covers
 * a component twice, or has no keyid; or where there are too many.
 */
export function parseSignatures(input: string, signature: string): SignatureInput[] {
  let lists: ReturnType<typeof readDictionary>;
  let values: typeof lists;
  try {
    lists = readDictionary(input);
    values = readDictionary(signature);
  } catch {
    throw refused('structured fields in Signature-Input and Signature');
  }
  if (
    lists.size === 0 ||
    lists.size > limits.signaturesPerRequestMax ||
    values.size !== lists.size
  ) {
    throw refused(`1 to ${limits.signaturesPerRequestMax} signatures with their inputs`);
  }
  return [...lists].map(([label, list]) => {
    const value = values.get(label)?.[0];
    if (!isInnerList(list) || !(value instanceof ArrayBuffer))
      throw refused('a list and a signature');
    return readInput(list, Buffer.from(value));
  });
}

function readInput([items, params]: [Item[], Parameters], signature: Buffer): SignatureInput {
  if (items.length > limits.signatureComponentsMax) {
    throw refused(`at most ${limits.signatureComponentsMax} components`);
  }
  const components = items.map(readComponent);
  if (new Set(components.map(({ text }) => text)).size !== components.length) {
    throw refused('each component once');
  }
  for (const name of params.keys()) {
    if (!knownParameters.has(name)) throw refused('only parameters of RFC 9421');
  }
  const keyid = textOf(params, 'keyid');
  if (keyid === undefined) throw refused('a keyid');
  return {
    components,
    text: `(${components.map(({ text }) => text).join(' ')})${serializeParameters(params)}`,
    keyid,
    created: secondsOf(params, 'created'),
    expires: secondsOf(params, 'expires'),
    nonce: textOf(params, 'nonce'),
    alg: textOf(params, 'alg'),
    signature,
  };
}

const knownParameters = new Set(['created', 'expires', 'nonce', 'alg', 'keyid', 'tag']);

/** Only components that mean the same on both nodes: parameters such as `;sf`, `;bs`, `;req` are refused. */
function readComponent(item: Item): Component {
  const [name, params] = item;
  if (typeof name !== 'string' || !/^@?[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) {
    throw refused('names of components in lower case');
  }
  const parameter = params.get('name');
  const isQueryParam = name === '@query-param';
  const fits = isQueryParam
    ? typeof parameter === 'string' && params.size === 1
    : params.size === 0;
  if (!fits || name === '@signature-params') throw refused('components without other parameters');
  return {
    name,
    parameter: typeof parameter === 'string' ? parameter : undefined,
    // A plain name needs no escapes.
    text: isQueryParam ? serializeItem(item) : `"${name}"`,
  };
}

function textOf(params: Map<string, unknown>, name: string): string | undefined {
  const value = params.get(name);
  if (value === undefined || typeof value === 'string') return value;
  throw refused(`a text as ${name}`);
}

function secondsOf(params: Map<string, unknown>, name: string): number | undefined {
  const value = params.get(name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw refused(`whole seconds as ${name}`);
}

/** A signature that is not accepted, whatever the reason: local detail only. */
export function refused(expected: string): SallyportError {
  return new SallyportError('SIGNATURE_REFUSED', `expected ${expected}`, {
    hint: 'docs/spec/accounts.md says what a signature must cover',
  });
}
