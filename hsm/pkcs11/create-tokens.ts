/** New tokens in a module that makes slots on demand, as SoftHSM 2 does: for demos and tests. */
import { randomBytes } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { loadBinding, type Pkcs11 } from './module.ts';

/** True where the native binding was built. */
export function hasBinding(): Promise<boolean> {
  return loadBinding().then(
    () => true,
    () => false,
  );
}

/**
 * Initialises one token for each label and returns their new user PINs, in order. The security officer's
 * PIN is forgotten. Errors: HSM_MODULE, HSM_TOKEN where there is no free slot.
 */
export async function createTokens(module: string, labels: readonly string[]): Promise<string[]> {
  const binding = await loadBinding();
  const pkcs11 = new binding.PKCS11();
  pkcs11.load(module);
  pkcs11.C_Initialize({ flags: binding.CKF_OS_LOCKING_OK });
  try {
    return labels.map((label) => createToken(binding, pkcs11, label));
  } finally {
    pkcs11.C_Finalize();
  }
}

function createToken(
  binding: Pkcs11,
  pkcs11: InstanceType<Pkcs11['PKCS11']>,
  label: string,
): string {
  const isFree = (slot: Buffer): boolean =>
    (pkcs11.C_GetTokenInfo(slot).flags & binding.CKF_TOKEN_INITIALIZED) === 0;
  const slot = pkcs11.C_GetSlotList(true).find(isFree);
  if (!slot) throw new SallyportError('HSM_TOKEN', 'expected a free slot, got none');
  const officerPin = randomBytes(16).toString('hex');
  const pin = randomBytes(16).toString('hex');
  pkcs11.C_InitToken(slot, officerPin, label.padEnd(labelBytes));
  const flags = binding.CKF_SERIAL_SESSION | binding.CKF_RW_SESSION;
  const session = pkcs11.C_OpenSession(slot, flags);
  pkcs11.C_Login(session, binding.CKU_SO, officerPin);
  pkcs11.C_InitPIN(session, pin);
  pkcs11.C_Logout(session);
  pkcs11.C_CloseSession(session);
  return pin;
}

/** Labels are blank-padded to this length (PKCS#11 §5.5). */
const labelBytes = 32;
