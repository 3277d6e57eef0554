import { SallyportError } from '../../errors.ts';
import { bytesSource } from '../../package/source.ts';
import {
  type TrustedSender,
  type VerifiedManifest,
  verifyManifest,
  verifyParts,
} from '../../package/verify.ts';
import { laneKey } from '../../ports.ts';

/**
 * Verifies all that can be of a package without a key: that it is the peer's, for this lane and whole.
 * Errors: those of verifyManifest, PACKAGE_LANE, those of verifyParts.
 */
export async function verifyWhole(
  bytes: Buffer,
  trust: TrustedSender,
  laneName: string,
): Promise<VerifiedManifest> {
  const source = bytesSource(bytes);
  const verified = await verifyManifest(source, trust);
  if (laneKey(verified.manifest.lane) !== laneName) {
    throw new SallyportError('PACKAGE_LANE', `expected a package on ${laneName}`);
  }
  await verifyParts(source, verified);
  return verified;
}
