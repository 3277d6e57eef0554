/** Self-signed certificates that the product would not issue, made by the openssl command line. */
import { execFileSync } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** PEM; `extensions` as openssl writes them, and no others. Valid for thirty days from now on. */
export function selfSigned(
  privateKey: KeyObject,
  commonName: string,
  extensions: readonly string[] = [],
): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-x509-'));
  const [key, config] = [join(dir, 'key'), join(dir, 'config')];
  try {
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    writeFileSync(config, '[req]\ndistinguished_name = dn\n[dn]\n');
    const request = ['req', '-x509', '-config', config, '-key', key, '-subj', `/CN=${commonName}`];
    const added = extensions.flatMap((extension) => ['-addext', extension]);
    return execFileSync('openssl', [...request, ...added], { encoding: 'utf8' });
  } finally {
    rmSync(dir, { recursive: true });
  }
}
