/**
 * authenticate at the outer node: what a call shows of its caller, and what of it crosses for the
 * inner node.
 */
import type { SignedRequest } from '@sallyport/shared/accounts/signature-base.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import type { AskPlugins } from '@sallyport/shared/plugins/ask.ts';
import {
  authenticatorOf,
  headersFor,
  type Recognised,
  recognise,
} from '@sallyport/shared/policy/asked.ts';
import { authenticate, type Consumer } from '@sallyport/shared/policy/authenticate.ts';
import type { CompiledPolicy } from '@sallyport/shared/policy/compile.ts';
import type { Call } from './accept.ts';

/** Whom an authenticator recognises, where the call shows its credential. Errors: those of recognise. */
export function recognised(
  compiled: CompiledPolicy,
  call: Call,
  nowMs: number,
  ask: AskPlugins,
): Promise<Recognised> | undefined {
  const use = authenticatorOf(compiled, call.headers);
  return use && recognise(use, { ...call, nowMs }, ask);
}

/** Errors: those of authenticate. */
export function identify(
  compiled: CompiledPolicy,
  call: Call,
  nowMs: number,
  recognised?: Recognised,
): Consumer {
  const { apiKey, certificates, body } = call;
  const signed = call.signed && { ...call.signed, method: call.method };
  return authenticate(compiled, {
    apiKey,
    signed,
    token: tokenOf(call),
    certificates,
    recognised,
    body,
    nowMs,
  });
}

/** Header fields that cross must be signed where the caller signs. Errors: SIGNATURE_REFUSED. */
export function expectSigned(
  { signed }: Consumer,
  headers: Readonly<Record<string, string>>,
): void {
  if (!signed || Object.keys(headers).every((name) => signed.covered.has(name))) return;
  throw new SallyportError(
    'SIGNATURE_REFUSED',
    'expected all header fields that cross to be covered',
    {
      hint: 'cover the headers that the route names, or do not send them',
    },
  );
}

/** What the inner node needs to see for itself who called; nothing that is not signed. */
export function proofOf(
  call: Call,
  consumer: Consumer,
  compiled: CompiledPolicy,
): Pick<RequestHeader, 'credential' | 'signed' | 'token' | 'certificates' | 'shown'> {
  const { credential, type } = consumer;
  if (type === 'plugin') {
    const use = authenticatorOf(compiled, call.headers);
    return { credential, shown: use === undefined ? {} : headersFor(use, call.headers) };
  }
  if (type === 'jwt') return { credential, token: tokenOf(call) ?? '' };
  if (type === 'certificate') return { credential, certificates: call.certificates ?? [] };
  if (!call.signed || !consumer.signed) return { credential };
  const names = [...consumer.signed.covered, 'host', 'signature-input', 'signature'];
  const { scheme, target, fields } = call.signed;
  return { credential, signed: { scheme, target, fields: fieldsOf(fields, names) } };
}

function fieldsOf(
  fields: SignedRequest['fields'],
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A bearer token that is not one of our keys: those have a field of their own. */
function tokenOf({ headers, apiKey }: Call): string | undefined {
  const token = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return token?.startsWith('sp_') && apiKey === undefined ? undefined : token;
}
