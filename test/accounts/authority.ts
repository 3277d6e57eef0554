/** A CA of a consumer and certificates that it issues, made by the openssl command line. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../temporary-folder.ts';

export interface Issued {
  readonly certificate: string;
  readonly key: string;
  /** DER, base64. */
  readonly der: string;
}

export interface Authority extends Issued {
  /** `extensions` as openssl writes them; those of a TLS client where absent. */
  issue(subject: string, extensions?: readonly string[], days?: number): Issued;
  /** Its revocation list (PEM) of these certificates; it ends after `seconds`. */
  revoke(certificates: readonly Issued[], seconds?: number): string;
}

const clientExtensions = ['basicConstraints=CA:FALSE', 'extendedKeyUsage=clientAuth'];

/** `extensions`: as openssl writes them. */
export function newAuthority(
  subject: string,
  above?: Issued,
  extensions: readonly string[] = ['basicConstraints=critical,CA:TRUE'],
): Authority {
  const dir = temporaryFolder();
  let count = 0;
  const make = (
    name: string,
    extensions: readonly string[],
    days: number,
    issuer: Issued | undefined,
  ): Issued => {
    count += 1;
    const at = (end: string): string => join(dir, `${count}.${end}`);
    writeFileSync(at('cnf'), '[req]\ndistinguished_name = dn\n[dn]\n');
    const signer = issuer && ['-CA', at('ca'), '-CAkey', at('cakey')];
    if (issuer) {
      writeFileSync(at('ca'), issuer.certificate);
      writeFileSync(at('cakey'), issuer.key, { mode: 0o600 });
    }
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-config', at('cnf'), '-newkey', 'ec', '-noenc', '-utf8'],
        ...['-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout', at('key'), '-out', at('pem')],
        ...['-subj', name, '-days', String(days), ...(signer ?? [])],
        ...extensions.flatMap((one) => ['-addext', one]),
      ],
      { stdio: 'ignore' },
    );
    const certificate = readFileSync(at('pem'), 'utf8');
    const der = certificate.replace(/-----[^-]+-----|\s/g, '');
    return { certificate, key: readFileSync(at('key'), 'utf8'), der };
  };
  const own = make(subject, extensions, 30, above);
  return {
    ...own,
    issue: (name, extensions = clientExtensions, days = 30) => make(name, extensions, days, own),
    revoke: (certificates, seconds = 864_000) => revocationList(own, certificates, seconds),
  };
}

function revocationList(ca: Issued, certificates: readonly Issued[], seconds: number): string {
  const dir = temporaryFolder();
  const at = (name: string): string => join(dir, name);
  writeFileSync(at('ca.pem'), ca.certificate);
  writeFileSync(at('ca.key'), ca.key, { mode: 0o600 });
  writeFileSync(at('index.txt'), '');
  const section = `database=${at('index.txt')}\ncrlnumber=${at('number')}\ndefault_md=sha256\n`;
  writeFileSync(at('cnf'), `[ca]\ndefault_ca=own\n[own]\n${section}`);
  writeFileSync(at('number'), '01\n');
  const base = ['ca', '-config', at('cnf'), '-cert', at('ca.pem'), '-keyfile', at('ca.key')];
  for (const { certificate } of certificates) {
    writeFileSync(at('one.pem'), certificate);
    execFileSync('openssl', [...base, '-revoke', at('one.pem')], { stdio: 'ignore' });
  }
  const out = ['-gencrl', '-crlsec', String(seconds), '-out', at('crl.pem')];
  execFileSync('openssl', [...base, ...out], { stdio: 'ignore' });
  return readFileSync(at('crl.pem'), 'utf8');
}
