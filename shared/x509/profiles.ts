/** The certificates of a node, all about each in one row: docs/spec/keys.md §Certificates. */
export type ProfileName = 'ca' | 'sign' | 'decrypt' | 'audit' | 'edge' | 'link';

export interface Profile {
  readonly isCa: boolean;
  /** The KeyUsage BIT STRING of RFC 5280 §4.2.1.3: one byte and its number of unused bits. */
  readonly keyUsage: { readonly bits: number; readonly unused: number };
  /** OIDs of ExtendedKeyUsage; none where the extension is absent. */
  readonly extendedKeyUsage: readonly string[];
}

const digitalSignature = { bits: 0x80, unused: 7 };
const keyAgreement = { bits: 0x08, unused: 3 };
const certAndCrlSign = { bits: 0x06, unused: 1 };
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  ca: { isCa: true, keyUsage: certAndCrlSign, extendedKeyUsage: [] },
  sign: { isCa: false, keyUsage: digitalSignature, extendedKeyUsage: [] },
  decrypt: { isCa: false, keyUsage: keyAgreement, extendedKeyUsage: [] },
  audit: { isCa: false, keyUsage: digitalSignature, extendedKeyUsage: [] },
  edge: { isCa: false, keyUsage: digitalSignature, extendedKeyUsage: [serverAuth] },
  link: { isCa: false, keyUsage: digitalSignature, extendedKeyUsage: [serverAuth, clientAuth] },
};

/** The name in a certificate's subject. It keeps a signing certificate from standing in for another. */
export function commonName(node: string, profile: ProfileName): string {
  return profile === 'link' || profile === 'edge' ? node : `${node} ${profile}`;
}
