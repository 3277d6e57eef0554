/** Small certification authorities for link tests, made by the openssl command line. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinkIdentity } from '@sallyport/shared/channel/link/peer.ts';

export interface Issue {
  readonly cn: string;
  readonly san?: string;
  readonly usage?: string;
  readonly days?: number;
}

export interface TestCa {
  readonly caPem: string;
  /**
   * `usage` defaults to both sides of TLS, `days` below zero makes a certificate that has expired.
   */
  issue(wanted: Issue): LinkIdentity;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A CA of its own in a temporary folder, gone again when `use` returns. */
export function withCa<T>(name: string, use: (ca: TestCa) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-ca-'));
  const at = (file: string): string => join(dir, file);
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  try {
    const root = ['-subj', `/CN=${name}`, '-days', '30', '-keyout', at('ca.key')];
    openssl('req', '-x509', ...newKey, ...root, '-out', at('ca.pem'));
    const issue = (wanted: Issue): LinkIdentity => {
      const { cn, san, usage = 'clientAuth,serverAuth', days = 30 } = wanted;
      const lines = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'];
      if (usage) lines.push(`extendedKeyUsage=${usage}`);
      if (san) lines.push(`subjectAltName=${san}`);
      writeFileSync(at('ext'), lines.join('\n'));
      openssl('req', ...newKey, '-subj', `/CN=${cn}`, '-keyout', at('key'), '-out', at('csr'));
      const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'];
      const what = ['-in', at('csr'), '-extfile', at('ext'), '-days', String(days)];
      openssl('x509', '-req', ...what, ...signer, '-out', at('pem'));
      return { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('pem'), 'utf8') };
    };
    return use({ caPem: readFileSync(at('ca.pem'), 'utf8'), issue });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
