/**
 * The soft key store: P-256 keys in an encrypted file, for machines without an HSM. It keeps the keys
 * from leaving through the port, and says in its description that it is no HSM.
 */
import { createECDH } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { counted } from '@sallyport/shared/counted.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Hsm } from '@sallyport/shared/ports.ts';
import { replaceFile } from '@sallyport/shared/replace-file.ts';
import { requireDigest, requirePoint } from '../operands.ts';
import { readPin } from '../pin.ts';
import { signDigest } from './ecdsa.ts';
import { decodeKeystore, encodeKeystore, type FileKey, newFileKey, type SoftKey } from './file.ts';

export interface SoftConfig {
  readonly kind: 'soft';
  readonly file: string;
  /** Path of the PIN file, or `credential:<name>`. */
  readonly pinFile: string;
}

/** Makes an empty keystore under the PIN. Errors: HSM_PIN_FILE, HSM_TOKEN if the file exists. */
export async function createSoftKeystore(config: SoftConfig): Promise<void> {
  const fileKey = await newFileKey(readPin(config.pinFile));
  if (existsSync(config.file)) {
    throw new SallyportError('HSM_TOKEN', `expected no file yet at ${config.file}, got one`, {
      hint: 'a keystore is never overwritten; move it away if it is really not needed',
    });
  }
  writeKeystore(config.file, encodeKeystore(fileKey, []));
}

/** Opens the keystore. Errors in check order: HSM_TOKEN, HSM_PIN_FILE, KEYSTORE_DAMAGED, HSM_PIN. */
export async function openSoft(config: SoftConfig): Promise<Hsm> {
  let fileKey: FileKey | undefined;
  const keys = new Map<string, SoftKey>();

  const forget = (): void => {
    for (const key of keys.values()) key.scalar.fill(0);
    keys.clear();
    fileKey?.key.fill(0);
    fileKey = undefined;
  };
  const load = async (): Promise<void> => {
    forget();
    const opened = await decodeKeystore(readKeystore(config.file), readPin(config.pinFile));
    fileKey = opened.fileKey;
    for (const key of opened.keys) keys.set(key.label, key);
  };
  const need = (label: string, use?: SoftKey['use']): SoftKey => {
    if (!fileKey) throw new SallyportError('HSM_LOST', 'the keystore is closed');
    const key = keys.get(label);
    if (key && (use === undefined || key.use === use)) return key;
    throw new SallyportError('HSM_KEY', `expected a key ${label} for ${use ?? 'any use'}`);
  };
  await load();

  return {
    kind: 'soft',
    description: `soft keystore ${config.file} (NOT AN HSM: as safe as this machine and its PIN file)`,
    labels: async () => [...keys.keys()],
    async generateKeyPair(label, use) {
      if (!fileKey) throw new SallyportError('HSM_LOST', 'the keystore is closed');
      if (keys.has(label)) throw new SallyportError('HSM_KEY', `expected no key ${label} yet`);
      const key = { label, use, scalar: newScalar() };
      writeKeystore(config.file, encodeKeystore(fileKey, [...keys.values(), key]));
      keys.set(label, key);
    },
    publicKey: async (label) => pairOf(need(label).scalar).getPublicKey(),
    sign: async (label, digest) => signDigest(need(label, 'sign').scalar, requireDigest(digest)),
    derive: async (label, point) =>
      pairOf(need(label, 'derive').scalar).computeSecret(requirePoint(point)),
    reopen: load,
    close: async () => forget(),
  };
}

function pairOf(scalar: Buffer) {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(scalar);
  return pair;
}

/** A private key, padded to 32 bytes: OpenSSL drops leading zeros. */
function newScalar(): Buffer {
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  const scalar = pair.getPrivateKey();
  return Buffer.concat([Buffer.alloc(32 - scalar.length), scalar]);
}

function readKeystore(path: string): Buffer {
  let bytes: number | undefined;
  try {
    bytes = statSync(path).size;
    if (bytes <= limits.keystoreBytesMax) return readFileSync(path);
  } catch (cause) {
    throw new SallyportError('HSM_TOKEN', `cannot read the keystore ${path}`, {
      hint: 'the file is made once, by init; restore it from a backup',
      cause,
    });
  }
  throw new SallyportError(
    'KEYSTORE_DAMAGED',
    `expected a small keystore, got ${counted(bytes, 'byte')}`,
  );
}

function writeKeystore(path: string, bytes: Buffer): void {
  try {
    replaceFile(path, bytes);
  } catch (cause) {
    throw new SallyportError('HSM_LOST', `cannot write the keystore ${path}`, { cause });
  }
}
