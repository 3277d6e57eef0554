/**
 * Who is at the other end of a link. TLS has already refused every chain that does not end in the
 * CA of the trust file and every date out of range; this decides whether it is *that* node, as
 * expected.
 */
import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { checkCertificate } from '../../x509/check.ts';

/** This node's own transport key and certificate, PEM. */
export interface LinkIdentity {
  readonly key: string;
  readonly cert: string;
}

/** The peer as the confirmed trust file has it. */
export interface LinkPeer {
  readonly nodeId: string;
  /** The only root that is trusted on this link, DER. */
  readonly caDer: Buffer;
}

export const linkProtocol = 'sallyport/1';

const exactly = { subject: 'default', wildcards: false, partialWildcards: false } as const;

/** TLS as both sides of a link want it. CERTIFICATE_REFUSED where key and certificates do not do. */
export function linkTls(identity: LinkIdentity, peer: LinkPeer): SecureContextOptions {
  try {
    const options: SecureContextOptions = {
      key: identity.key,
      cert: identity.cert,
      ca: [new X509Certificate(peer.caDer).toString()],
      minVersion: 'TLSv1.3',
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
    createSecureContext(options);
    return options;
  } catch (cause) {
    throw new SallyportError('CERTIFICATE_REFUSED', 'expected a key and its certificate in PEM', {
      hint: 'see tls/link.key and tls/link.pem, and the peer in peer.trust',
      cause,
    });
  }
}

/**
 * Throws CHANNEL_PEER unless the socket's far end is the peer: verified chain, TLS 1.3, our
 * protocol, not resumed, and a leaf that is the peer's link certificate in everything, not another
 * of its certificates.
 */
export function checkPeer(socket: TLSSocket, { nodeId, caDer }: LinkPeer): void {
  const certificate = socket.getPeerX509Certificate();
  if (!socket.authorized || !certificate) throw peerRefused('expected a verified certificate');
  const checks: [string, boolean][] = [
    ['TLS 1.3', socket.getProtocol() === 'TLSv1.3'],
    [`the protocol ${linkProtocol}`, socket.alpnProtocol === linkProtocol],
    ['a full handshake', !socket.isSessionReused()],
    [`a certificate of ${nodeId}`, certificate.checkHost(nodeId, exactly) === nodeId],
  ];
  const failed = checks.find(([, holds]) => !holds);
  if (failed) throw peerRefused(`expected ${failed[0]}, got another`);
  try {
    checkCertificate(certificate.raw, { node: nodeId, profile: 'link', caDer, nowMs: Date.now() });
  } catch (cause) {
    throw peerRefused(asSallyportError(cause).message, cause);
  }
}

/** CHANNEL_PEER with what to do about it. */
export function peerRefused(message: string, cause?: unknown): SallyportError {
  return new SallyportError('CHANNEL_PEER', message, {
    hint: 'compare both nodes with `sallyport status`; pair again if the peer was set up anew',
    cause,
  });
}
