/** What a return value of the token means to us. Anything not named here is HSM_LOST: open anew. */
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import type { Pkcs11 } from './module.ts';

/** Runs one call of the module and turns what it throws into a coded error. */
export function guarded<T>(pkcs11: Pkcs11, what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause;
    const code = codeOf(pkcs11, returnValue(pkcs11, cause));
    const hint = hints[code];
    const message = `${what} failed: ${String(cause)}`;
    throw new SallyportError(code, message, { ...(hint !== undefined && { hint }), cause });
  }
}

/** Runs a call whose aim may be reached already (`CKR_…_ALREADY_…` is then a success). */
export function unless(pkcs11: Pkcs11, already: number, call: () => void): void {
  try {
    call();
  } catch (thrown) {
    if (returnValue(pkcs11, thrown) !== already) throw thrown;
  }
}

const hints: Readonly<Partial<Record<ErrorCode, string>>> = {
  HSM_PIN: 'put the right PIN into the PIN file; it is tried seldom, for tokens lock after a few',
  HSM_LOST: 'bring the token back (cable, network, daemon); no restart is needed',
};

function returnValue(pkcs11: Pkcs11, thrown: unknown): number | undefined {
  return thrown instanceof pkcs11.Pkcs11Error ? thrown.code : undefined;
}

function codeOf(pkcs11: Pkcs11, value: number | undefined): ErrorCode {
  switch (value) {
    case pkcs11.CKR_PIN_INCORRECT:
    case pkcs11.CKR_PIN_INVALID:
    case pkcs11.CKR_PIN_LEN_RANGE:
    case pkcs11.CKR_PIN_EXPIRED:
    case pkcs11.CKR_PIN_LOCKED:
    case pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
      return 'HSM_PIN';
    case pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED:
    case pkcs11.CKR_KEY_TYPE_INCONSISTENT:
      return 'HSM_KEY';
    default:
      return 'HSM_LOST';
  }
}
