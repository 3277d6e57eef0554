/**
 * Where the PIN of a key store comes from: a file that only its owner can read, or a systemd
 * credential (`credential:<name>`). Never an argument, never an environment variable: both show up
 * in process lists and crash reports.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';

const credentialPrefix = 'credential:';
const credentialName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/**
 * Reads the PIN and strips one trailing newline. The file must be a regular file (no link) without
 * group or other permission bits. systemd marks credentials 0440 where it gives access by ACL, in a
 * directory that only the service can enter, so there only the bits for others count.
 * Errors: HSM_PIN_FILE.
 */
export function readPin(pinFile: string): string {
  const isCredential = pinFile.startsWith(credentialPrefix);
  const path = isCredential ? credentialPath(pinFile.slice(credentialPrefix.length)) : pinFile;
  const bytes = readPrivate(path, isCredential ? 0o007 : 0o077);
  const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length;
  const pin = bytes.toString('utf8', 0, end);
  bytes.fill(0);
  if (pin.length === 0 || /[\0\r\n]/.test(pin)) {
    throw new SallyportError('HSM_PIN_FILE', `expected one line with a PIN in ${path}`, {
      hint: 'write the PIN into the file, and nothing else',
    });
  }
  return pin;
}

/** Writes a new random PIN (128 bits, hex) with mode 0600. HSM_PIN_FILE if the file exists. */
export function createPinFile(path: string): void {
  try {
    writeFileSync(path, `${randomBytes(16).toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    throw new SallyportError('HSM_PIN_FILE', `cannot create ${path}`, { cause });
  }
}

function credentialPath(name: string): string {
  const directory = process.env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || !credentialName.test(name)) {
    throw new SallyportError('HSM_PIN_FILE', 'expected a systemd credential, got none', {
      hint: 'give the unit LoadCredential= or LoadCredentialEncrypted= with the same name',
    });
  }
  return join(directory, name);
}

function readPrivate(path: string, forbiddenBits: number): Buffer {
  const file = openWithoutLinks(path);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > limits.pinBytesMax) {
      throw new SallyportError('HSM_PIN_FILE', `expected a small regular file at ${path}`);
    }
    if ((stat.mode & forbiddenBits) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      throw new SallyportError('HSM_PIN_FILE', `expected mode 0600 on ${path}, got ${mode}`, {
        hint: `chmod 600 ${path}, and change the PIN: others could read it`,
      });
    }
    const bytes = Buffer.alloc(limits.pinBytesMax);
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

function openWithoutLinks(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw new SallyportError('HSM_PIN_FILE', `cannot open ${path} as a regular file`, {
      hint: 'the PIN file must exist, be no link, and be readable by the signer only',
      cause,
    });
  }
}
