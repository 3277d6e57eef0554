/** The PKCS#11 module (a shared library), its token and the login: everything that healing redoes. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import { readPin } from '../pin.ts';
import { guarded, unless } from './faults.ts';

export type Pkcs11 = typeof import('pkcs11js');
export type Handle = Buffer;

export interface Pkcs11Config {
  readonly kind: 'pkcs11';
  /** Path of the shared library, as `/usr/lib/softhsm/libsofthsm2.so`. */
  readonly module: string;
  readonly tokenLabel: string;
  /** Path of the PIN file, or `credential:<name>`. */
  readonly pinFile: string;
}

export interface Session {
  readonly module: InstanceType<Pkcs11['PKCS11']>;
  readonly handle: Handle;
  /** Manufacturer and model of the token, for people. */
  readonly tokenName: string;
}

/** Loads the native binding. HSM_MODULE where it was not built. */
export async function loadBinding(): Promise<Pkcs11> {
  try {
    const { default: binding } = await import('pkcs11js');
    return binding;
  } catch (cause) {
    throw new SallyportError('HSM_MODULE', 'the optional package pkcs11js is not installed', {
      hint: 'install a C++ compiler and python3, then run npm ci again',
      cause,
    });
  }
}

/**
 * Initialises the module, finds the token by its label, opens one session and logs in once.
 * Errors in check order: HSM_MODULE, HSM_TOKEN, HSM_PIN_FILE, HSM_PIN, HSM_LOST.
 */
export function openSession(
  pkcs11: Pkcs11,
  module: Session['module'],
  config: Pkcs11Config,
): Session {
  initialise(pkcs11, module, config.module);
  const slot = findSlot(pkcs11, module, config.tokenLabel);
  const token = guarded(pkcs11, 'C_GetTokenInfo', () => module.C_GetTokenInfo(slot));
  requireAttemptsLeft(pkcs11, token.flags);
  const pin = readPin(config.pinFile);
  const flags = pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION;
  const handle = guarded(pkcs11, 'C_OpenSession', () => module.C_OpenSession(slot, flags));
  guarded(pkcs11, 'C_Login', () =>
    unless(pkcs11, pkcs11.CKR_USER_ALREADY_LOGGED_IN, () =>
      module.C_Login(handle, pkcs11.CKU_USER, pin),
    ),
  );
  return { module, handle, tokenName: `${token.manufacturerID.trim()} ${token.model.trim()}` };
}

/** Ends the module for the whole process; what is already gone is no fault. */
export function finalise(module: Session['module']): void {
  if (!isLoaded(module)) return;
  try {
    module.C_Finalize();
  } catch {
    // a lost token or a module that never started: there is nothing left to end
  }
}

/**
 * Never spends the last attempt: a process that restarts by itself must not lock the token for ever.
 * `flags` are those of the token. Errors: HSM_PIN.
 */
export function requireAttemptsLeft(
  pkcs11: Pick<Pkcs11, 'CKF_USER_PIN_FINAL_TRY' | 'CKF_USER_PIN_LOCKED'>,
  flags: number,
): void {
  if ((flags & (pkcs11.CKF_USER_PIN_FINAL_TRY | pkcs11.CKF_USER_PIN_LOCKED)) === 0) return;
  throw new SallyportError('HSM_PIN', 'the token has no attempt left to spare', {
    hint: "correct the PIN file, then log in once by hand with the vendor's tool",
  });
}

function initialise(pkcs11: Pkcs11, module: Session['module'], path: string): void {
  try {
    if (!isLoaded(module)) module.load(path);
    unless(pkcs11, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED, () =>
      module.C_Initialize({ flags: pkcs11.CKF_OS_LOCKING_OK }),
    );
  } catch (cause) {
    throw new SallyportError('HSM_MODULE', `cannot start the PKCS#11 module ${path}`, {
      hint: "check the path, and that the module's own configuration names a token that is there",
      cause,
    });
  }
}

/** The binding crashes the process where a library is called that loaded but is no PKCS#11 module. */
function isLoaded(module: Session['module']): boolean {
  return module.libPath !== undefined;
}

function findSlot(pkcs11: Pkcs11, module: Session['module'], label: string): Handle {
  const slots = guarded(pkcs11, 'C_GetSlotList', () => module.C_GetSlotList(true));
  const found = slots.filter((slot) => labelOf(module, slot) === label);
  const [slot] = found;
  if (slot && found.length === 1) return slot;
  throw new SallyportError('HSM_TOKEN', `expected one token ${label}, got ${found.length}`, {
    hint: 'compare the label in the configuration with `pkcs11-tool --list-token-slots`',
  });
}

/** A slot may lose its token between the two calls; it then simply does not match. */
function labelOf(module: Session['module'], slot: Handle): string | undefined {
  try {
    return module.C_GetTokenInfo(slot).label.trimEnd();
  } catch {
    return undefined;
  }
}
