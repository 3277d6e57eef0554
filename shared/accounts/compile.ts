/** The credentials of a policy, made ready for the hot path: maps instead of lists, keys instead of texts. */
import { readSpki } from './algorithms.ts';
import { type CertificateHolder, certificateHolder } from './certificate.ts';
import { type Credential, labelOf, type PluginCredential, pluginIdentity } from './credential.ts';
import type { SignatureHolder } from './signature.ts';
import type { TokenHolder } from './token.ts';

export interface Accounts {
  /** By keyid. */
  readonly signatures: ReadonlyMap<string, SignatureHolder>;
  /** One for each key of each issuer and each consumer that it vouches for. */
  readonly tokens: readonly TokenHolder[];
  readonly certificates: readonly CertificateHolder[];
  /** By what an authenticator and its answer lead to: pluginIdentity. */
  readonly plugins: ReadonlyMap<string, PluginHolder>;
  /** Consumer ▶ kinds of credentials that it has. */
  readonly kinds: ReadonlyMap<string, ReadonlySet<Credential['type']>>;
  /** Consumer ▶ names of its credentials other than keys. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface PluginHolder {
  readonly consumer: string;
  readonly credential: PluginCredential;
}

interface Holder {
  readonly name: string;
  readonly credentials: readonly Credential[];
}

/** The consumers come from a policy that was checked: every key of theirs can be read. */
export function compileAccounts(consumers: readonly Holder[]): Accounts {
  const signatures = new Map<string, SignatureHolder>();
  const tokens: TokenHolder[] = [];
  const certificates: CertificateHolder[] = [];
  const plugins = new Map<string, PluginHolder>();
  for (const { name: consumer, credentials } of consumers) {
    for (const credential of credentials) {
      if (credential.type === 'http-signature') {
        const key = readSpki(credential.publicKey);
        if (key) signatures.set(credential.keyid, { consumer, credential, key });
      } else if (credential.type === 'jwt') {
        for (const tokenKey of credential.keys) {
          const key = readSpki(tokenKey.publicKey);
          if (key) tokens.push({ consumer, credential, tokenKey, key });
        }
      } else if (credential.type === 'certificate') {
        certificates.push(certificateHolder(consumer, credential));
      } else if (credential.type === 'plugin') {
        plugins.set(pluginIdentity(credential.plugin, credential.id), { consumer, credential });
      }
    }
  }
  const kinds = new Map(
    consumers.map(({ name, credentials }) => [name, new Set(credentials.map(({ type }) => type))]),
  );
  const labels = new Map(
    consumers.map(({ name, credentials }) => [
      name,
      new Set(credentials.filter(({ type }) => type !== 'key').map(labelOf)),
    ]),
  );
  return { signatures, tokens, certificates, plugins, kinds, labels };
}
