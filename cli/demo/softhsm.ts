/** SoftHSM 2 for the demo: a token of its own, in the demo's directory, seen by nothing else. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where distributions put the module. */
const modulePaths = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

export interface DemoToken {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
}

/** The module, where the machine has it and the binding was built. */
export async function findSoftHsm(): Promise<string | undefined> {
  const module = modulePaths.find((path) => existsSync(path));
  if (module === undefined) return undefined;
  return import('pkcs11js').then(
    () => module,
    () => undefined,
  );
}

/**
 * Makes one token for each label. Points SOFTHSM2_CONF of this process, and so of everything that it
 * starts, at the demo's own tokens.
 */
export async function makeTokens(
  dir: string,
  module: string,
  labels: readonly string[],
): Promise<DemoToken[]> {
  const tokenDir = join(dir, 'softhsm');
  mkdirSync(tokenDir, { recursive: true, mode: 0o700 });
  const conf = join(dir, 'softhsm2.conf');
  writeFileSync(conf, `directories.tokendir = ${tokenDir}\nlog.level = ERROR\n`);
  process.env.SOFTHSM2_CONF = conf;

  const { default: binding } = await import('pkcs11js');
  const pkcs11 = new binding.PKCS11();
  pkcs11.load(module);
  pkcs11.C_Initialize({ flags: binding.CKF_OS_LOCKING_OK });
  try {
    return labels.map((label) => {
      const [slot] = pkcs11
        .C_GetSlotList(true)
        .filter((one) => (pkcs11.C_GetTokenInfo(one).flags & binding.CKF_TOKEN_INITIALIZED) === 0);
      if (!slot) throw new Error('expected a free slot in SoftHSM');
      const officerPin = randomBytes(16).toString('hex');
      const pin = randomBytes(16).toString('hex');
      pkcs11.C_InitToken(slot, officerPin, label.padEnd(32));
      const flags = binding.CKF_SERIAL_SESSION | binding.CKF_RW_SESSION;
      const session = pkcs11.C_OpenSession(slot, flags);
      pkcs11.C_Login(session, binding.CKU_SO, officerPin);
      pkcs11.C_InitPIN(session, pin);
      pkcs11.C_Logout(session);
      pkcs11.C_CloseSession(session);
      const pinFile = join(dir, `${label}.pin`);
      writeFileSync(pinFile, pin, { mode: 0o600 });
      return { module, label, pinFile };
    });
  } finally {
    pkcs11.C_Finalize();
  }
}
