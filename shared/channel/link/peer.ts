/**
 * Who is at the other end of a link. TLS has already refused every chain that does not end in the
 * CA of the trust file and every date out of range; this decides whether it is *that* node, as
 * expected.
 */
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { SallyportError } from '../../errors.ts';

/** This node's own transport key and certificate, PEM. */
export interface LinkIdentity {
  readonly key: string;
  readonly cert: string;
}

/** The peer as the confirmed trust file has it. */
export interface LinkPeer {
  readonly nodeId: string;
  /** The only root that is trusted on this link, PEM. */
  readonly caPem: string;
}

export const linkProtocol = 'sallyport/1';

const usages = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' } as const;

/** TLS as both sides of a link want it. CERTIFICATE_REFUSED where the PEM texts cannot be used. */
export function linkTls(identity: LinkIdentity, peer: LinkPeer): SecureContextOptions {
  const options: SecureContextOptions = {
    key: identity.key,
    cert: identity.cert,
    ca: [peer.caPem],
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new SallyportError('CERTIFICATE_REFUSED', 'expected a key and its certificate in PEM', {
      hint: 'see tls/link.key and tls/link.pem, and the peer in peer.trust',
      cause,
    });
  }
  return options;
}

/**
 * Throws CHANNEL_PEER unless the socket's far end is the peer: verified chain, TLS 1.3, our
 * protocol, not resumed, a leaf that names the peer's node id (SAN, or CN where there is no SAN)
 * and has the extended key usage (RFC 5280 §4.2.1.12) of its side.
 */
export function checkPeer(socket: TLSSocket, peer: LinkPeer, side: keyof typeof usages): void {
  const certificate = socket.getPeerX509Certificate();
  const identity = { subject: 'default', wildcards: false, partialWildcards: false } as const;
  const checks: [string, boolean][] = [
    ['a verified certificate', socket.authorized && certificate !== undefined],
    ['TLS 1.3', socket.getProtocol() === 'TLSv1.3'],
    [`the protocol ${linkProtocol}`, socket.alpnProtocol === linkProtocol],
    ['a full handshake', !socket.isSessionReused()],
    ['an end entity certificate', certificate?.ca === false],
    [
      `a certificate of ${peer.nodeId}`,
      certificate?.checkHost(peer.nodeId, identity) === peer.nodeId,
    ],
    [`a ${side} certificate`, certificate?.keyUsage?.includes(usages[side]) === true],
  ];
  const failed = checks.find(([, holds]) => !holds);
  if (failed) throw peerRefused(`expected ${failed[0]}, got another`);
}

/** CHANNEL_PEER with what to do about it. */
export function peerRefused(message: string, cause?: unknown): SallyportError {
  return new SallyportError('CHANNEL_PEER', message, {
    hint: 'compare both nodes with `sallyport status`; pair again if the peer was set up anew',
    cause,
  });
}
