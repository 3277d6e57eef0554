/** Opens whichever key store the configuration names. */
import type { Hsm } from '@sallyport/shared/ports.ts';
import type { Pkcs11Config } from './pkcs11/module.ts';
import { openPkcs11 } from './pkcs11/token.ts';
import { openSoft, type SoftConfig } from './soft/keystore.ts';

export type HsmConfig = SoftConfig | Pkcs11Config;

/** Errors: HSM_MODULE, HSM_TOKEN, HSM_PIN_FILE, HSM_PIN, HSM_LOST, KEYSTORE_DAMAGED. */
export function openHsm(config: HsmConfig): Promise<Hsm> {
  return config.kind === 'soft' ? openSoft(config) : openPkcs11(config);
}
