/**
 * The TLS files of a home. One that is missing or does not fit is a fault of the configuration:
 * a person must put it right, and trying again would not help.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SallyportError } from '../errors.ts';
import type { HomePaths } from './home.ts';

/** PEM. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

/** The software key of `tls/` and its certificate. Errors: CONFIG_INVALID. */
export function readTlsIdentity(paths: HomePaths, use: 'edge' | 'link'): TlsIdentity {
  const [keyPath, certPath] = [paths.tlsKey(use), paths.tlsCertificate(use)];
  const hint = `restore tls/${use}.key and tls/${use}.pem from a backup`;
  const key = read(keyPath, hint);
  const cert = read(certPath, hint);
  const privateKey = parsed(keyPath, 'key', hint, () => createPrivateKey(key));
  const certificate = parsed(certPath, 'certificate', hint, () => new X509Certificate(cert));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw refuse(`the certificate of ${keyPath} at ${certPath}`, 'another', hint);
  }
  return { key, cert };
}

/** The certificates that `upstreams.ca` of config.yaml names, PEM. Errors: CONFIG_INVALID. */
export function readUpstreamCa(path: string): string {
  const hint = 'put the certificates of the CA there, or correct upstreams.ca in config.yaml';
  const pem = read(path, hint);
  parsed(path, 'certificate', hint, () => new X509Certificate(pem));
  return pem;
}

function read(path: string, hint: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const got = (cause as NodeJS.ErrnoException).code ?? 'no answer';
    throw refuse(`a readable file ${path}`, got, hint, cause);
  }
}

function parsed<T>(path: string, what: string, hint: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw refuse(`a ${what} in PEM at ${path}`, 'something else', hint, cause);
  }
}

function refuse(expected: string, got: string, hint: string, cause?: unknown): SallyportError {
  const message = `expected ${expected}, got ${got}`;
  return new SallyportError('CONFIG_INVALID', message, { hint, cause });
}
