/**
 * Proof of one message alone, for somebody who must not see the others of its package:
 *
 *   message ▶ digest ▶ salted leaf ▶ path ▶ message root ▶ manifest ▶ signature of the sender
 *
 * The count of messages and the sender's certificate stand in the signed manifest file.
 */
import { SallyportError } from '../errors.ts';
import type { MessageHeader } from '../exchange/message.ts';
import { readSigned, verifySigned } from './cms-signed.ts';
import { messageLeaf } from './frame.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { inclusionPath, verifyInclusion } from './merkle.ts';
import { decodeHeader, lengthsBytes, messageDigest } from './message.ts';
import { suiteOf } from './suites.ts';

export interface MessageProof {
  readonly manifestFile: Buffer;
  /** Both lengths and the header, then the body: the encoded message. */
  readonly head: Buffer;
  readonly body: Uint8Array;
  readonly salt: Buffer;
  /** Place in the package, from 0. */
  readonly index: number;
  /** Sibling hashes from the leaf up. */
  readonly path: readonly Buffer[];
}

/** Makes the proof of message `index` from what sealing or opening its package returned. */
export function proveMessage(
  sealed: { readonly manifestFile: Buffer; readonly leaves: readonly Buffer[] },
  message: Pick<MessageProof, 'head' | 'body' | 'salt'>,
  index: number,
): MessageProof {
  const { manifestFile, leaves } = sealed;
  const suite = suiteOf(decodeManifest(readSigned(manifestFile).content).suite);
  const { head, body, salt } = message;
  return {
    manifestFile,
    head,
    body,
    salt,
    index,
    path: inclusionPath(suite.hash.name, leaves, index),
  };
}

/**
 * Returns what is proved: the holder of `certificate` sent this message in the package of this
 * manifest. Errors in check order: PACKAGE_SENDER, PACKAGE_SIGNATURE, PACKAGE_MANIFEST,
 * PACKAGE_SUITE, PACKAGE_MESSAGE (form, or not in the package).
 */
export function verifyProof(
  proof: MessageProof,
  certificate: Buffer,
): { manifest: Manifest; header: MessageHeader; digest: string } {
  const manifest = decodeManifest(verifySigned(proof.manifestFile, certificate));
  const suite = suiteOf(manifest.suite);
  const digest = messageDigest(proof.head, proof.body, suite);
  const isIncluded = verifyInclusion(suite.hash, {
    leaf: messageLeaf(proof.salt, digest, suite),
    index: proof.index,
    count: manifest.messageCount,
    path: proof.path,
    root: Buffer.from(manifest.messageRoot, 'hex'),
  });
  if (!isIncluded) {
    throw new SallyportError('PACKAGE_MESSAGE', 'expected a message of the package, got another');
  }
  const header = decodeHeader(proof.head.subarray(lengthsBytes));
  return { manifest, header, digest };
}
