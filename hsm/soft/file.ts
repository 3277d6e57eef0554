/**
 * The soft keystore's file (docs/spec/keys.md):
 *
 *   header, one line of JSON ‖ LF │ AES-256-GCM ciphertext ‖ tag │ SHA-256 of everything before
 *
 * The header is the AAD. The plain checksum at the end tells an accident (KEYSTORE_DAMAGED) from a
 * wrong PIN (HSM_PIN); an alteration that also repairs the checksum still fails the tag.
 */
import { argon2, createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { z } from 'zod';

/** One key pair; `scalar` is the private key, 32 bytes. */
export interface SoftKey {
  readonly label: string;
  readonly use: 'sign' | 'derive';
  readonly scalar: Buffer;
}

/** The key that encrypts the file, and how it came from the PIN. Kept while the keystore is open. */
export interface FileKey {
  readonly kdf: z.infer<typeof kdfShape>;
  readonly key: Buffer;
}

const tagBytes = 16;
const checksumBytes = 32;
const base64 = (bytes: number) =>
  z.string().refine((text) => {
    const decoded = Buffer.from(text, 'base64');
    return decoded.length === bytes && decoded.toString('base64') === text;
  });
const kdfShape = z.strictObject({
  name: z.literal('argon2id'),
  memoryKib: z.int().min(8).max(limits.keystoreMemoryKibMax),
  passes: z.int().min(1).max(limits.keystorePassesMax),
  parallelism: z.literal(1),
  salt: base64(16),
});
const headerShape = z.strictObject({
  format: z.literal('sallyport-keystore'),
  version: z.literal(1),
  kdf: kdfShape,
  cipher: z.literal('aes-256-gcm'),
  nonce: base64(12),
});
const keysShape = z.array(
  z.strictObject({
    label: z.string().min(1),
    use: z.enum(['sign', 'derive']),
    scalar: base64(32),
  }),
);

/** A fresh file key for a new keystore: argon2id with 64 MiB, 3 passes (RFC 9106 §4, second choice). */
export function newFileKey(pin: string): Promise<FileKey> {
  const salt = randomBytes(16).toString('base64');
  return stretch(pin, { name: 'argon2id', memoryKib: 65_536, passes: 3, parallelism: 1, salt });
}

/** The bytes of a keystore file, with a new nonce each time. */
export function encodeKeystore(fileKey: FileKey, keys: readonly SoftKey[]): Buffer {
  const nonce = randomBytes(12);
  const header = Buffer.from(
    `${JSON.stringify({
      format: 'sallyport-keystore',
      version: 1,
      kdf: fileKey.kdf,
      cipher: 'aes-256-gcm',
      nonce: nonce.toString('base64'),
    } satisfies z.infer<typeof headerShape>)}\n`,
  );
  const rows = keys.map((key) => ({ ...key, scalar: key.scalar.toString('base64') }));
  const cipher = createCipheriv('aes-256-gcm', fileKey.key, nonce).setAAD(header);
  const sealed = [cipher.update(JSON.stringify(rows)), cipher.final(), cipher.getAuthTag()];
  const content = Buffer.concat([header, ...sealed]);
  return Buffer.concat([content, checksum(content)]);
}

/** Opens what encodeKeystore made. Errors in check order: KEYSTORE_DAMAGED, HSM_PIN. */
export async function decodeKeystore(
  file: Buffer,
  pin: string,
): Promise<{ fileKey: FileKey; keys: SoftKey[] }> {
  const content = file.subarray(0, -checksumBytes);
  const headerEnd = content.indexOf(0x0a) + 1;
  const sealed = content.subarray(headerEnd);
  const intact = checksum(content).equals(file.subarray(-checksumBytes));
  if (!intact || headerEnd === 0 || sealed.length < tagBytes) throw damaged();
  const header = headerShape.safeParse(parseJson(content.toString('utf8', 0, headerEnd)));
  if (!header.success) throw damaged();
  const fileKey = await stretch(pin, header.data.kdf);
  const nonce = Buffer.from(header.data.nonce, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', fileKey.key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(content.subarray(0, headerEnd)).setAuthTag(sealed.subarray(-tagBytes));
  const plain = decipher.update(sealed.subarray(0, -tagBytes));
  try {
    decipher.final();
  } catch {
    throw new SallyportError('HSM_PIN', 'the PIN does not open the keystore', {
      hint: 'check the PIN file; a keystore that was altered on purpose looks the same',
    });
  }
  const rows = keysShape.safeParse(parseJson(plain.toString('utf8')));
  if (!rows.success) throw damaged();
  const keys = rows.data.map((row) => ({ ...row, scalar: Buffer.from(row.scalar, 'base64') }));
  return { fileKey, keys };
}

async function stretch(pin: string, kdf: FileKey['kdf']): Promise<FileKey> {
  const key = await promisify(argon2)(kdf.name, {
    message: pin,
    nonce: Buffer.from(kdf.salt, 'base64'),
    parallelism: kdf.parallelism,
    memory: kdf.memoryKib,
    passes: kdf.passes,
    tagLength: 32,
  });
  return { kdf, key };
}

function checksum(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(): SallyportError {
  return new SallyportError(
    'KEYSTORE_DAMAGED',
    'expected an intact keystore file, got other bytes',
    {
      hint: 'restore the file from a backup; the keys in it cannot be made again',
    },
  );
}
