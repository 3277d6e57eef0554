/** A signed policy bundle: CMS SignedData by the inner node's signing key over canonical JSON. */
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { noSecrets, type SecretsOf } from '../../masking/secrets.ts';
import { verifySigned } from '../../package/cms-signed.ts';
import { type Bundle, decodeBundle } from '../../policy/bundle.ts';
import { compilePolicy } from '../../policy/compile.ts';
import type { StoredPolicy } from '../../store/port.ts';
import type { PolicyInForce } from './context.ts';

/**
 * Verifies and reads a bundle; nothing of it is parsed before its signature holds.
 * Errors: POLICY_SIGNATURE (also where it is too large or issued by another node), POLICY_INVALID.
 */
export function readBundle(
  der: Buffer,
  issuer: { nodeId: string; signCertificate: Buffer },
): Bundle {
  if (der.length > limits.policyBundleBytesMax) {
    throw new SallyportError('POLICY_SIGNATURE', `expected a smaller bundle, got ${der.length}`);
  }
  const bundle = decodeBundle(verifySigned(der, issuer.signCertificate, 'POLICY_SIGNATURE'));
  if (bundle.issuer !== issuer.nodeId) {
    throw new SallyportError('POLICY_SIGNATURE', `expected a bundle of ${issuer.nodeId}`);
  }
  return bundle;
}

/**
 * A policy ready to decide: whoever stores one compiles it first. `secretsOf`: for the node that masks.
 * Errors: POLICY_INVALID.
 */
export function enforceable(
  { policy, version }: Pick<Bundle, 'policy' | 'version'>,
  appliedAtMs: number,
  secretsOf: SecretsOf = noSecrets,
): PolicyInForce {
  return { compiled: compilePolicy(policy, version, secretsOf), version, appliedAtMs };
}

/** The stored bundle, verified again and compiled. */
export function enforce(
  stored: StoredPolicy,
  issuer: { nodeId: string; signCertificate: Buffer },
  secretsOf: SecretsOf,
): PolicyInForce {
  const bundle = readBundle(Buffer.from(stored.bundle), issuer);
  return enforceable(bundle, stored.appliedAtMs, secretsOf);
}
