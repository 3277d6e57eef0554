/**
 * Does the store know what was done with it? What left or came lies in spool and archive, sealed: a store
 * that has never heard of the youngest of them is older than they are. It came out of a backup, or lost the
 * end of its log. On from there sequences would be used twice and old packages taken again.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseSpoolName } from '../../channel/spool.ts';
import { SallyportError } from '../../errors.ts';
import { bytesSource } from '../../package/source.ts';
import { type VerifiedManifest, verifyManifest } from '../../package/verify.ts';
import { laneKey } from '../../ports.ts';
import type { Store } from '../../store/port.ts';
import type { NodeIdentity, PeerIdentity } from './context.ts';
import { packagesIn, readPackage, type SpoolPaths } from './spool.ts';

export interface EvidenceOptions {
  readonly store: Store;
  readonly spool: SpoolPaths;
  readonly self: NodeIdentity;
  readonly peer: PeerIdentity;
}

/** Errors: STORE_DAMAGED where a genuine package is younger than the store. */
export async function expectYoungest({ store, spool, self, peer }: EvidenceOptions): Promise<void> {
  const sent = [spool.outDir, ...youngestHours(spool.archiveOutDir)];
  await expectKnown(sent, trusted(self), ({ manifest }) => {
    const lane = laneKey(manifest.lane);
    const head = store.outLanes().find((one) => one.lane === lane)?.head ?? 0;
    return manifest.lane.sender !== self.nodeId || manifest.sequence <= head;
  });
  await expectKnown(youngestHours(spool.archiveInDir), trusted(peer), ({ manifest }) => {
    const lane = store.inLanes().find((one) => one.lane === laneKey(manifest.lane));
    const { sequence } = manifest;
    const known = lane && (sequence <= lane.contiguous || lane.beyond.includes(sequence));
    return manifest.lane.receiver !== self.nodeId || known === true;
  });
}

type Trust = Parameters<typeof verifyManifest>[1];

const trusted = ({ nodeId, signCertificate }: NodeIdentity | PeerIdentity): Trust => ({
  nodeId,
  certificate: signCertificate,
});

/** Looks at the highest sequences only, and believes none that the key did not sign. */
async function expectKnown(
  dirs: readonly string[],
  trust: Trust,
  knows: (verified: VerifiedManifest) => boolean,
): Promise<void> {
  const files = dirs.flatMap((dir) => namesIn(dir).map((name) => ({ dir, name, at: at(name) })));
  files.sort((a, b) => b.at - a.at);
  for (const { dir, name } of files.slice(0, looksMax)) {
    const verified = await read(dir, name, trust).catch(() => undefined);
    if (!verified) continue;
    if (knows(verified)) return;
    const { lane, sequence } = verified.manifest;
    const got = `expected a store that knows package ${sequence} of ${laneKey(lane)}`;
    throw new SallyportError('STORE_DAMAGED', `${got}, got an older one`);
  }
}

async function read(dir: string, name: string, trust: Trust): Promise<VerifiedManifest> {
  const bytes = readPackage(dir, name) ?? Buffer.alloc(0);
  return verifyManifest(bytesSource(bytes), trust);
}

const at = (name: string): number => parseSpoolName(name)?.sequence ?? 0;

/** A clock that was set makes hours in another order: a few of them are looked at. */
const hoursLookedAt = 3;
const looksMax = 16;

function youngestHours(archiveDir: string): string[] {
  const hours = listing(archiveDir).sort().slice(-hoursLookedAt);
  return hours.map((hour) => join(archiveDir, hour));
}

function namesIn(dir: string): string[] {
  try {
    return packagesIn(dir);
  } catch {
    return [];
  }
}

function listing(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
