/** The two nodes of link tests: each with its own CA and transport certificate. */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { CertificateRequest } from '@sallyport/hsm/x509.ts';
import type { LinkIdentity, LinkPeer } from '@sallyport/shared/channel/link/peer.ts';
import type { ProfileName } from '@sallyport/shared/x509/profiles.ts';
import { createAuthority, dayMs } from '../x509/authority.ts';
import { softKey } from '../x509/soft-key.ts';

const expired = { notAfterMs: Date.now() - dayMs / 2 };

/** Certificates of the two nodes, and of their CAs those that must not do. */
export const outer = await partyOf('outer-1', async (issue) => ({
  identity: await issue('link', { altNames: ['outer-1'] }),
  otherNode: await issue('link', { commonName: 'outer-2', altNames: ['outer-2'] }),
  otherSan: await issue('link', { altNames: ['outer-2'] }),
  otherSubject: await issue('link', { commonName: 'outer-2', altNames: ['outer-1'] }),
  expired: await issue('link', expired),
  ofEdge: await issue('edge'),
  noTls: await issue('sign', { commonName: 'outer-1' }),
}));

export const inner = await partyOf('inner-1', async (issue) => ({
  identity: await issue('link'),
  otherNode: await issue('link', { commonName: 'inner-2' }),
  expired: await issue('link', expired),
  ofEdge: await issue('edge'),
  noTls: await issue('sign', { commonName: 'inner-1' }),
}));

/** A CA of the same name and with the same subject names, but another key. */
export const impostor = await partyOf('outer-1', async (issue) => ({
  identity: await issue('link', { altNames: ['outer-1'] }),
  server: await issue('link', { commonName: 'inner-1' }),
}));

export const outerAsPeer: LinkPeer = { nodeId: 'outer-1', caDer: outer.caDer };
export const innerAsPeer: LinkPeer = { nodeId: 'inner-1', caDer: inner.caDer };

type Issue = (profile: ProfileName, part?: Partial<CertificateRequest>) => Promise<LinkIdentity>;

async function partyOf<T>(node: string, issueAll: (issue: Issue) => Promise<T>) {
  const ca = await createAuthority(node, Date.now());
  const issued = await issueAll(async (profile, part) => {
    const key = softKey();
    const der = await ca.issue(profile, key, part);
    return { key: key.pem, cert: new X509Certificate(der).toString() };
  });
  return { caDer: ca.der, ...issued };
}

/** A bare client of a receiver, to do what the sender never would. */
export function dialRaw(
  port: number,
  identity: LinkIdentity | undefined,
  options: ConnectionOptions = {},
): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: [new X509Certificate(inner.caDer).toString()],
    servername: 'inner-1',
    ALPNProtocols: ['sallyport/1'],
    ...identity,
    ...options,
  });
  socket.on('error', () => {});
  socket.resume();
  return socket;
}

/** Resolves when the socket is closed, in order or not. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
