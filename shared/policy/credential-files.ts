/**
 * What credentials take from files beside policy.yaml: the keys of an issuer of tokens, the revocation list
 * of a CA. Both change by themselves: a new file and `policy apply` is all that a change of keys needs.
 */
import type { SourceFile } from './source.ts';

/** A file that a credential names, as it was found. No YAML makes one. */
export class CredentialFile {
  readonly found: SourceFile;
  constructor(found: SourceFile) {
    this.found = found;
  }
}

const fileKeys = ['jwks', 'crl'] as const;

/** Names of the files that the credentials of one consumer name. */
export function credentialFilesOf(consumer: unknown): string[] {
  return credentialsOf(consumer).flatMap((credential) =>
    fileKeys.flatMap((key) => {
      const value: unknown = Reflect.get(credential, key);
      return typeof value === 'string' ? [value] : [];
    }),
  );
}

/** The consumer with what was found in place of the names of files. */
export function withCredentialFiles(
  consumer: unknown,
  files: Readonly<Record<string, SourceFile>>,
): unknown {
  if (credentialFilesOf(consumer).length === 0) return consumer;
  const credentials = credentialsOf(consumer).map((credential) => {
    const found = fileKeys.flatMap((key) => {
      const name: unknown = Reflect.get(credential, key);
      if (typeof name !== 'string') return [];
      const file = Object.hasOwn(files, name) ? files[name] : undefined;
      return [[key, new CredentialFile(file ?? { fault: 'expected a file, got none' })]];
    });
    return { ...credential, ...Object.fromEntries(found) };
  });
  return { ...(consumer as object), credentials };
}

function credentialsOf(consumer: unknown): object[] {
  if (typeof consumer !== 'object' || consumer === null) return [];
  const credentials: unknown = Reflect.get(consumer, 'credentials');
  if (!Array.isArray(credentials)) return [];
  return credentials.filter((one) => typeof one === 'object' && one !== null);
}
