/** X.509 extensions (RFC 5280 §4.2) as DER: issued as built here, and compared with it when read. */
import {
  contextTag,
  der,
  derAt,
  derElements,
  integer,
  octetString,
  oid,
  sequence,
  tags,
} from '../package/der.ts';
import type { Profile } from './profiles.ts';

export const extensionIds = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

const { subjectKeyIdentifier, authorityKeyIdentifier, subjectAltName } = extensionIds;
const informative = [subjectKeyIdentifier, authorityKeyIdentifier, subjectAltName].map(oid);
const isTrue = der(tags.boolean, Buffer.of(0xff));

/** One extension; `value` is DER. A FALSE `critical` is left out, as DER wants it. */
export function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(critical ? [isTrue] : []), octetString(value));
}

/** The extensions that say what a key may do. */
export function usageExtensions({ isCa, keyUsage, extendedKeyUsage }: Profile): Buffer[] {
  const pathLengthZero = integer(Buffer.of(0));
  const constraints = isCa ? sequence(isTrue, pathLengthZero) : sequence();
  const usage = der(tags.bitString, Buffer.of(keyUsage.unused, keyUsage.bits));
  const extensions = [
    extension(extensionIds.basicConstraints, true, constraints),
    extension(extensionIds.keyUsage, true, usage),
  ];
  if (extendedKeyUsage.length > 0) {
    const value = sequence(...extendedKeyUsage.map(oid));
    extensions.push(extension(extensionIds.extendedKeyUsage, false, value));
  }
  return extensions;
}

/**
 * Whether a certificate has the usage of the profile, byte for byte, and beside it nothing but key
 * identifiers and alternative names, each once.
 */
export function hasExtensionsOf(profile: Profile, certificate: Buffer): boolean {
  const usage = usageExtensions(profile);
  try {
    const found = extensionsOf(certificate);
    const ids = found.map((one) => derAt(one, 0, 0).whole.toString('hex'));
    return (
      new Set(ids).size === ids.length &&
      usage.every((one) => includes(found, one)) &&
      found.every((one) => includes(usage, one) || isInformative(one))
    );
  } catch {
    return false; // not DER
  }
}

function isInformative(one: Buffer): boolean {
  const [id, value, ...rest] = derElements(derAt(one, 0).content);
  const isKnown = id !== undefined && includes(informative, id);
  return isKnown && value?.[0] === tags.octetString && rest.length === 0;
}

function includes(list: readonly Buffer[], wanted: Buffer): boolean {
  return list.some((one) => one.equals(wanted));
}

/** The eighth and last member of tbsCertificate (RFC 5280 §4.1), extension by extension. */
function extensionsOf(certificate: Buffer): Buffer[] {
  const [field, ...rest] = derElements(derAt(certificate, 0, 0).content).slice(7);
  if (field === undefined || rest.length > 0) return [];
  const found = derElements(derAt(field, 0, 0).content);
  return field.equals(der(contextTag(3, true), sequence(...found))) ? found : [];
}
