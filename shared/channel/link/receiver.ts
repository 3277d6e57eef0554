/**
 * The receiving half of a link: listens, lets in the one peer, takes packages, says nothing. No
 * byte of application data is ever written here; TLS's own handshake and closure are all that goes
 * back.
 */
import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelReceiver, ChannelSink, ChannelStatus } from '../../ports.ts';
import { createSpoolRoom, type SpoolBounds } from '../room.ts';
import { cleanSpool } from '../spool.ts';
import { checkPeer, type LinkIdentity, type LinkPeer, linkProtocol, linkTls } from './peer.ts';
import { takePackages } from './take.ts';

export interface LinkReceiverOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: LinkIdentity;
  readonly peer: LinkPeer;
  readonly sink: ChannelSink;
  readonly bounds?: SpoolBounds;
}

/**
 * Listens. CERTIFICATE_REFUSED or ADDRESS_IN_USE where it cannot; whatever happens later goes to
 * the sink.
 */
export async function createLinkReceiver(
  options: LinkReceiverOptions,
): Promise<ChannelReceiver & { readonly port: number }> {
  const { host, port, identity, peer, sink, bounds = limits } = options;
  await cleanSpool(sink.spoolDir);
  const room = createSpoolRoom(sink.spoolDir, bounds);
  const counted = { packages: 0, bytes: 0, lastMs: undefined as number | undefined };
  /** All of them, those that still shake hands too. */
  const connections = new Set<Socket>();
  let current: TLSSocket | undefined;
  let taking: Promise<void> = Promise.resolve();
  let detail = 'no connection yet';
  let closed = false;

  const refuse = (thrown: unknown): void => {
    if (closed) return;
    const error = asSallyportError(thrown, 'CHANNEL_LOST');
    detail = `${error.code}: ${error.message}`;
    if (error.code !== 'CHANNEL_LOST') sink.refused(error.code, error.message);
  };
  const collected = (file: string, bytes: number): void => {
    counted.packages += 1;
    counted.bytes += bytes;
    counted.lastMs = Date.now();
    sink.collected(file);
  };
  const serve = async (socket: TLSSocket, before: Promise<void>): Promise<void> => {
    await before;
    detail = `connected from ${socket.remoteAddress}`;
    try {
      await takePackages({ socket, sink, room, bounds, collected });
      detail = 'the peer ended the connection';
    } catch (thrown) {
      refuse(thrown);
    } finally {
      socket.destroy();
      if (current === socket) current = undefined;
    }
  };

  const server = createServer({
    ...linkTls(identity, peer),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [linkProtocol],
    handshakeTimeout: limits.linkHandshakeTimeoutMs,
  });
  server.maxConnections = limits.linkConnectionsMax;
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  server.on('tlsClientError', (cause, socket) => refuse(handshakeFailed(cause, socket)));
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {}); // the reader of the socket reports it
    try {
      checkPeer(socket, peer);
    } catch (refused) {
      socket.destroy();
      return refuse(refused);
    }
    // A sender in health renews its connection long before.
    socket.setTimeout(limits.linkIdleMs, () => socket.destroy());
    current?.destroy();
    current = socket;
    taking = serve(socket, taking);
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `expected to listen at ${host}:${port}, got ${cause.code}`;
      const hint = 'free the port, or change channel.receive in config.yaml';
      reject(new SallyportError('ADDRESS_IN_USE', message, { hint, cause }));
    });
    server.listen(port, host, () => resolve());
  });
  server.on('error', refuse);
  const status = (): ChannelStatus => {
    return { kind: 'link', state: current ? 'up' : 'down', detail, ...counted };
  };
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    status,
    async close() {
      closed = true;
      const ended = new Promise((resolve) => server.close(resolve));
      for (const socket of connections) socket.destroy();
      await ended;
      await taking;
    },
  };
}

/** Whoever could not even shake hands: garbage, an old protocol, a certificate of another CA. */
function handshakeFailed(cause: Error, socket: TLSSocket): SallyportError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'no code';
  const got = socket.authorizationError?.toString() ?? code;
  const from = socket.remoteAddress ?? 'an unknown address';
  return new SallyportError('CHANNEL_PEER', `expected the peer, got ${got} from ${from}`, {
    cause,
  });
}
