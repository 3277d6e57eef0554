/** Self-signed certificates that the product would not issue, made by the openssl command line. */
import { execFileSync } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../temporary-folder.ts';

/** PEM; `extensions` as openssl writes them, and no others. Valid for thirty days from now on. */
export function selfSigned(
  privateKey: KeyObject,
  commonName: string,
  extensions: readonly string[] = [],
): string {
  const dir = temporaryFolder();
  const [key, config] = [join(dir, 'key'), join(dir, 'config')];
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(config, '[req]\ndistinguished_name = dn\n[dn]\n');
  const request = ['req', '-x509', '-config', config, '-key', key, '-subj', `/CN=${commonName}`];
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  return execFileSync('openssl', [...request, ...added], { encoding: 'utf8' });
}
