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
}

const clientExtensions = ['basicConstraints=CA:FALSE', 'extendedKeyUsage=clientAuth'];

export function newAuthority(subject: string, above?: Issued): Authority {
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
  const own = make(subject, ['basicConstraints=critical,CA:TRUE'], 30, above);
  return {
    ...own,
    issue: (name, extensions = clientExtensions, days = 30) => make(name, extensions, days, own),
  };
}
