/**
 * The client certificate of a connection, for the guard to judge. The handshake proved that the
 * caller has its key.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { limits } from '../../limits.ts';

type Shown = { readonly certificates?: readonly string[] };

const none: Shown = {};
const known = new WeakMap<Socket, Shown>();

/**
 * DER in base64, the caller's own first; nothing where it showed none. Read once for each
 * connection.
 */
export function readCertificates(socket: Socket): Shown {
  if (!(socket instanceof TLSSocket)) return none;
  const before = known.get(socket);
  if (before) return before;
  const certificates: string[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate && certificates.length < limits.certificateChainMax) {
    certificates.push(certificate.raw.toString('base64'));
    certificate = certificate.issuerCertificate;
  }
  const shown = certificates.length > 0 ? { certificates } : none;
  known.set(socket, shown);
  return shown;
}
