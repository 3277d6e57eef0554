/** A self-signed certificate of a test key, made by the openssl command line. */
import { execFileSync } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function certificateOf({ privateKey }: { privateKey: KeyObject }): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-audit-key-'));
  try {
    const key = join(dir, 'key');
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const request = ['req', '-x509', '-key', key, '-subj', '/CN=audit', '-days', '30'];
    return execFileSync('openssl', request, { encoding: 'utf8' });
  } finally {
    rmSync(dir, { recursive: true });
  }
}
