/**
 * The keys of masks in a running guard. Their master lies wrapped in the store and is opened once, with
 * the HSM, before the first answer that needs it; from then on it is in the memory of this process only.
 */
import { type KeyObject, randomBytes } from 'node:crypto';
import {
  deriveMaskKey,
  type MaskPurpose,
  missing,
  type RecipientSecrets,
  type SecretsOf,
} from '../../masking/secrets.ts';
import { createVault, type VaultRow } from '../../masking/vault.ts';
import { unwrapMaster, wrapMaster } from '../../masking/wrap.ts';
import { readCertificate } from '../../package/certificate.ts';
import { suites } from '../../package/suites.ts';
import type { Signer } from '../../ports.ts';
import type { Store } from '../../store/port.ts';
import type { NodeIdentity } from './context.ts';

export interface MaskKeys {
  readonly secretsOf: SecretsOf;
  /**
   * Opens the master, before anything is asked of `secretsOf`; makes it where the store has none. Resolves
   * at once where it is open. Errors: those of the signer and of the store.
   */
  open(): Promise<void>;
  /** Puts new tokens into the commit of the answer that holds them. */
  drain(tx: { putToken(row: VaultRow): void }): void;
  /** The value of a random token. Errors: TOKEN_UNKNOWN, STORE_DAMAGED. */
  valueOf(consumer: string, token: string): string;
}

export function createMaskKeys(parts: {
  readonly self: Pick<NodeIdentity, 'nodeId' | 'decryptCertificate'>;
  readonly store: Pick<Store, 'maskKey' | 'tokenOf' | 'sealedValue' | 'write'>;
  readonly signer: Pick<Signer, 'derive'>;
}): MaskKeys {
  const { self, store, signer } = parts;
  const vault = createVault(store);
  const recipients = new Map<string, RecipientSecrets>();
  let master: Buffer | undefined;
  let opening: Promise<void> | undefined;

  const openOnce = async (): Promise<void> => {
    let wrapped = store.maskKey();
    if (wrapped === undefined) {
      const { publicKey } = readCertificate(self.decryptCertificate, suites['intl-1']);
      const made = wrapMaster(randomBytes(32), publicKey, self.nodeId);
      await store.write((tx) => tx.putMaskKey(made));
      wrapped = made;
    }
    const derive = (point: Uint8Array): Promise<Buffer> => signer.derive('decrypt', point);
    master = await unwrapMaster(Buffer.from(wrapped), derive, self.nodeId);
  };

  const make = (consumer: string): RecipientSecrets => {
    const keys = new Map<MaskPurpose, KeyObject>();
    const key = (purpose: MaskPurpose): KeyObject => {
      const known = keys.get(purpose);
      if (known !== undefined) return known;
      const derived = deriveMaskKey(master ?? missing(), consumer, purpose);
      keys.set(purpose, derived);
      return derived;
    };
    const vaultKeys = () => ({ lookup: key('lookup'), vault: key('vault') });
    return { key, token: (value) => vault.token(consumer, vaultKeys(), value) };
  };
  const secretsOf: SecretsOf = (consumer) => {
    const known = recipients.get(consumer) ?? make(consumer);
    recipients.set(consumer, known);
    return known;
  };

  return {
    secretsOf,
    async open() {
      if (master !== undefined) return;
      opening ??= openOnce().finally(() => {
        opening = undefined;
      });
      await opening;
    },
    drain: vault.drain,
    valueOf: (consumer, token) => vault.value(consumer, secretsOf(consumer).key('vault'), token),
  };
}
