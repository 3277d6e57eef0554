/** The bytes that are signed (RFC 9421 §2.5), rebuilt from a request. */
import { type Component, refused, type SignatureInput } from './signature-input.ts';

/** A request as far as it can be signed. Untrusted until its signature holds. */
export interface SignedRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Request target in origin form, byte for byte as it came: path and query. */
  readonly target: string;
  /** Lower-case name → value; values of one name joined by `, `. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Errors: SIGNATURE_REFUSED where the request lacks a component, or one has a line break in it. */
export function signatureBase(
  input: SignatureInput,
  componentOf: (component: Component) => string | undefined,
): string {
  let base = '';
  for (const component of input.components) {
    const value = componentOf(component);
    if (value === undefined || /[\r\n]/.test(value)) {
      throw refused('a request that has all components that are covered');
    }
    base += `${component.text}: ${value}\n`;
  }
  return `${base}"@signature-params": ${input.text}`;
}

/** What a request holds for a component (RFC 9421 §2.1 and §2.2). */
export function requestComponent(
  request: SignedRequest,
): (component: Component) => string | undefined {
  return ({ name, parameter }) => {
    if (!name.startsWith('@')) {
      return Object.hasOwn(request.fields, name) ? request.fields[name]?.trim() : undefined;
    }
    const { path, query } = splitTarget(request.target);
    switch (name) {
      case '@method':
        return request.method;
      case '@authority':
        return authorityOf(request);
      case '@scheme':
        return request.scheme;
      case '@target-uri':
        return `${request.scheme}://${authorityOf(request)}${request.target}`;
      case '@request-target':
        return request.target;
      case '@path':
        return path;
      case '@query':
        return query ?? '?';
      case '@query-param':
        return queryParameter(query ?? '?', parameter ?? '');
      default:
        return undefined;
    }
  };
}

/** `query` begins with its question mark; undefined where the target has none. */
export function splitTarget(target: string): { path: string; query: string | undefined } {
  const at = target.indexOf('?');
  return at < 0
    ? { path: target, query: undefined }
    : { path: target.slice(0, at), query: target.slice(at) };
}

/** Lower case, without the port that the scheme has anyway (RFC 9421 §2.2.3). */
export function authorityOf({ fields, scheme }: SignedRequest): string | undefined {
  const host = Object.hasOwn(fields, 'host') ? fields.host?.trim().toLowerCase() : undefined;
  return host?.replace(scheme === 'https' ? /:443$/ : /:80$/, '');
}

/** The one value of a parameter, in the encoding of §2.2.8; undefined where there is none or several. */
function queryParameter(query: string, name: string): string | undefined {
  const values = new URLSearchParams(query.slice(1)).getAll(decode(name));
  const [value] = values;
  return value === undefined || values.length > 1
    ? undefined
    : encodeURIComponent(value).replace(/[!'()]/g, percent);
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw refused('a query parameter whose name can be decoded');
  }
}

const percent = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
