/**
 * The one node that this node exchanges with.
 *
 *   trust file ──▶ sound? ──▶ a possible partner? ──▶ not instead of another? ──▶ confirmed? ──▶ peer.trust
 */
import { readFileSync } from 'node:fs';
import type { NodeConfig } from '../config/config.ts';
import type { HomePaths } from '../config/home.ts';
import { SallyportError } from '../errors.ts';
import type { Role } from '../ports.ts';
import { replaceFile } from '../replace-file.ts';
import { fingerprintOf, parseFingerprint } from './fingerprint.ts';
import { type CheckedTrustFile, certificateDer, readTrustFile } from './trust-file.ts';

/** The confirmed peer. Its certificates are pinned: no other is accepted in their place. */
export interface Peer {
  readonly nodeId: string;
  readonly role: Role;
  readonly caDer: Buffer;
  readonly signDer: Buffer;
  readonly decryptDer: Buffer;
  readonly auditDer: Buffer;
  /** SHA-256 (hex) of the CA certificate. */
  readonly fingerprint: string;
}

/** What a node must know of itself to judge a partner. */
type Self = Pick<NodeConfig, 'node' | 'role'>;

/** What becomes of a trust file that is imported. */
export interface Candidate {
  readonly trust: CheckedTrustFile;
  /** Same CA as the peer that is paired already: nobody needs to be asked. */
  readonly known: boolean;
}

/**
 * The peer of the node, verified anew: done at each start.
 * Errors: PEER_MISSING, TRUST_FILE_INVALID, PEER_WRONG.
 */
export function readPeer(paths: HomePaths, self: Self, nowMs: number = Date.now()): Peer {
  const file = readIfThere(paths.peer);
  if (!file) {
    throw new SallyportError('PEER_MISSING', 'expected a paired node, got one without a peer', {
      hint: 'exchange trust files with `sallyport pair export` and `sallyport pair import`',
    });
  }
  const trust = readTrustFile(file, nowMs);
  checkPartner(paths, self, trust);
  return {
    nodeId: trust.node,
    role: trust.role,
    caDer: trust.certificates.ca,
    signDer: trust.certificates.sign,
    decryptDer: trust.certificates.decrypt,
    auditDer: trust.certificates.audit,
    fingerprint: trust.fingerprint,
  };
}

/**
 * Judges a trust file before anybody is asked. Errors in order: TRUST_FILE_INVALID, PEER_WRONG,
 * PEER_CHANGED (another peer is paired, or its file is damaged, and `replace` is not set).
 */
export function judgeCandidate(
  paths: HomePaths,
  self: Self,
  file: Buffer,
  replace: boolean,
  nowMs: number = Date.now(),
): Candidate {
  const trust = readTrustFile(file, nowMs);
  checkPartner(paths, self, trust);
  const current = readIfThere(paths.peer);
  const known = current !== undefined && currentFingerprint(current, nowMs) === trust.fingerprint;
  if (current && !known && !replace) {
    throw new SallyportError(
      'PEER_CHANGED',
      `expected the peer that is paired already, got ${trust.node} with another CA`,
      { hint: 'if the other node was really set up anew, confirm it with --replace' },
    );
  }
  return { trust, known };
}

/** Compares what a person gave with the candidate. Errors: PEER_UNCONFIRMED, PEER_WRONG. */
export function checkConfirmation(trust: CheckedTrustFile, given: string): void {
  const fingerprint = parseFingerprint(given);
  if (fingerprint === undefined) {
    throw new SallyportError('PEER_UNCONFIRMED', 'expected 24 words or 64 hex digits', {
      hint: 'ask the operator of the other node for what `sallyport pair show` prints there',
    });
  }
  if (fingerprint !== trust.fingerprint) {
    throw new SallyportError('PEER_WRONG', `the trust file is not of the node confirmed`, {
      hint: 'somebody may have changed the file on its way: fetch it again and compare again',
    });
  }
}

/** Makes the confirmed candidate the peer, durably and whole. */
export function storePeer(paths: HomePaths, file: Buffer): void {
  replaceFile(paths.peer, file);
}

/** SHA-256 (hex) of this node's own CA certificate. */
export function ownFingerprint(paths: HomePaths): string {
  return fingerprintOf(certificateDer(paths.certificate('ca')));
}

/** A partner is another node, of the other role. */
function checkPartner(paths: HomePaths, self: Self, trust: CheckedTrustFile): void {
  const { node, role } = self;
  const refuse = (message: string, hint: string): never => {
    throw new SallyportError('PEER_WRONG', message, { hint });
  };
  if (trust.fingerprint === ownFingerprint(paths)) {
    refuse("expected another node's trust file, got this node's own", 'import the other file');
  }
  if (trust.role === role) {
    refuse(
      `expected the trust file of an ${role === 'outer' ? 'inner' : 'outer'} node, got ${role}`,
      'an outer node pairs with an inner node',
    );
  }
  if (trust.node === node) {
    refuse(`expected another node id than ${node}`, 'make one of the nodes anew with --node');
  }
}

/** A peer file that does not read is nobody's: only --replace gets past it. */
function currentFingerprint(file: Buffer, nowMs: number): string | undefined {
  try {
    return readTrustFile(file, nowMs).fingerprint;
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SallyportError('TRUST_FILE_INVALID', `cannot read ${path}`, {
      hint: 'the user that runs the node must be able to read it; see its owner and mode',
      cause,
    });
  }
}
