/**
 * Suites are data: all that is particular to an algorithm stands in one row. docs/spec/package.md
 * §Suites.
 */
import { SallyportError } from '../errors.ts';
import { oid, sequence } from './der.ts';

export interface Suite {
  readonly name: SuiteName;
  /** Digests, both trees, HKDF. `algorithm` is the DER AlgorithmIdentifier. */
  readonly hash: { readonly name: string; readonly bytes: number; readonly algorithm: Buffer };
  /** ECDSA over the hash above; `order` of the curve, for the one accepted form of a signature. */
  readonly signature: {
    readonly curve: string;
    readonly coordinateBytes: number;
    readonly order: bigint;
    readonly algorithm: Buffer;
  };
  /** One-pass ECDH with the X9.63 KDF (RFC 5753) over `kdfHash`. */
  readonly agreement: {
    readonly curve: string;
    readonly pointBytes: number;
    readonly kdfHash: string;
    /** OID of scheme and KDF together. */
    readonly scheme: Buffer;
    /** AlgorithmIdentifier of the originator's public key. */
    readonly keyAlgorithm: Buffer;
  };
  /** Key wrap (RFC 3394): an n-byte key becomes n + 8 bytes. */
  readonly wrap: {
    readonly cipher: string;
    readonly keyBytes: number;
    readonly algorithm: Buffer;
  };
  readonly content: {
    readonly cipher: 'aes-256-gcm';
    readonly keyBytes: number;
    readonly nonceBytes: number;
    readonly tagBytes: number;
    readonly identifier: Buffer;
  };
}

export type SuiteName = 'intl-1';

export const suites: Readonly<Record<SuiteName, Suite>> = {
  'intl-1': {
    name: 'intl-1',
    hash: { name: 'sha256', bytes: 32, algorithm: sequence(oid('2.16.840.1.101.3.4.2.1')) },
    signature: {
      curve: 'prime256v1',
      coordinateBytes: 32,
      order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
      algorithm: sequence(oid('1.2.840.10045.4.3.2')),
    },
    agreement: {
      curve: 'prime256v1',
      pointBytes: 65,
      kdfHash: 'sha256',
      scheme: oid('1.3.132.1.11.1'),
      keyAlgorithm: sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')),
    },
    wrap: {
      cipher: 'id-aes256-wrap',
      keyBytes: 32,
      algorithm: sequence(oid('2.16.840.1.101.3.4.1.45')),
    },
    content: {
      cipher: 'aes-256-gcm',
      keyBytes: 32,
      nonceBytes: 12,
      tagBytes: 16,
      identifier: oid('2.16.840.1.101.3.4.1.46'),
    },
  },
};

/** The row of a name that came from outside. No default, no downgrade. Errors: PACKAGE_SUITE. */
export function suiteOf(name: string): Suite {
  const suite = Object.hasOwn(suites, name) ? suites[name as SuiteName] : undefined;
  if (suite) return suite;
  throw new SallyportError('PACKAGE_SUITE', 'expected a known suite', {
    hint: `this version knows ${Object.keys(suites).join(', ')}`,
  });
}
