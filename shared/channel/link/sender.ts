/**
 * The sending half of a link: keeps one TLS connection to the peer's receiver up and writes
 * packages into it.
 *
 *   connect ▶ check the peer ▶ up ──(every linkConnectionMs, between packages)──▶ end ▶ connect
 *                 └ refused, lost ▶ wait, longer each time ▶ connect
 *
 * Nothing ever comes back, so a peer that vanished without a word looks like one that listens. Only
 * a handshake proves it alive: hence the renewal, which also bounds the life of traffic keys and
 * the time that an expired certificate stays in use. A connection that ended in order lost nothing.
 */
import { connect, type TLSSocket } from 'node:tls';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelSender, ChannelStatus } from '../../ports.ts';
import type { SenderEvents } from '../events.ts';
import {
  checkPeer,
  type LinkIdentity,
  type LinkPeer,
  linkProtocol,
  linkTls,
  peerRefused,
} from './peer.ts';
import { writePackage } from './write.ts';

export interface LinkSenderOptions {
  readonly host: string;
  readonly port: number;
  readonly identity: LinkIdentity;
  readonly peer: LinkPeer;
  readonly events: SenderEvents;
  /** How long one connection serves. Default linkConnectionMs. */
  readonly connectionMs?: number;
}

/**
 * Connects by itself and for ever. `send` rejects with CHANNEL_LOST while there is no connection.
 */
export function createLinkSender(options: LinkSenderOptions): ChannelSender {
  const { events, connectionMs = limits.linkConnectionMs } = options;
  let socket: TLSSocket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let state: ChannelStatus['state'] = 'connecting';
  let detail = 'not connected yet';
  let delayMs: number = limits.linkReconnectFirstMs;
  let clean = false;
  let renewal: PromiseWithResolvers<void> | undefined;
  let upSinceMs = 0;
  let inFlight = 0;
  let closed = false;
  const counted = { packages: 0, bytes: 0, lastMs: undefined as number | undefined };

  const open = (): void => {
    state = 'connecting';
    let failure: SallyportError | undefined;
    let fresh: TLSSocket;
    try {
      fresh = dial(options);
    } catch (unusable) {
      lost(asSallyportError(unusable));
      return;
    }
    socket = fresh;
    fresh.setTimeout(limits.linkHandshakeTimeoutMs, () =>
      fresh.destroy(new SallyportError('CHANNEL_LOST', 'expected progress on the link, got none')),
    );
    fresh.once('secureConnect', () => {
      try {
        checkPeer(fresh, options.peer);
        opened(fresh);
      } catch (refused) {
        fresh.destroy(asSallyportError(refused));
      }
    });
    fresh.on('error', (cause) => {
      failure ??= describe(cause, fresh, options);
    });
    fresh.once('close', () => lost(failure));
    // The far end has nothing to say: what it says is not taken, only its end is seen.
    fresh.once('data', () => fresh.destroy(peerRefused('expected silence on the link, got data')));
  };
  const opened = (fresh: TLSSocket): void => {
    fresh.setTimeout(limits.linkIdleMs);
    state = 'up';
    detail = `connected to ${options.host}:${options.port}`;
    upSinceMs = performance.now();
    timer = setTimeout(renewWhenIdle, connectionMs);
    renewed();
    events.up(clean);
    clean = false;
  };
  const renewWhenIdle = (): void => {
    if (state !== 'up' || inFlight > 0 || performance.now() - upSinceMs < connectionMs) return;
    state = 'connecting';
    detail = 'renewing the connection';
    renewal = Promise.withResolvers();
    socket?.setTimeout(limits.linkHandshakeTimeoutMs);
    socket?.end();
  };
  const renewed = (): void => {
    renewal?.resolve();
    renewal = undefined;
  };
  const lost = (failure: SallyportError | undefined): void => {
    clearTimeout(timer);
    clean = renewal !== undefined && !clean && !failure;
    socket = undefined;
    if (clean && !closed) {
      open();
      return;
    }
    renewed();
    if (closed) return;
    const error = failure ?? new SallyportError('CHANNEL_LOST', 'the far end closed the link');
    // A connection that served is dialled again soon; one that never did, later each time.
    const served = upSinceMs > 0 && performance.now() - upSinceMs > limits.linkReconnectMaxMs;
    if (served) delayMs = limits.linkReconnectFirstMs;
    upSinceMs = 0;
    state = 'down';
    detail = `${error.code}: ${error.message}`;
    timer = setTimeout(open, delayMs);
    delayMs = Math.min(delayMs * 2, limits.linkReconnectMaxMs);
    events.down(error);
  };
  timer = setTimeout(open);

  return {
    async send(file) {
      await renewal?.promise;
      const way = socket;
      if (state !== 'up' || !way) throw new SallyportError('CHANNEL_LOST', detail);
      inFlight += 1;
      try {
        const bytes = await writePackage(way, file);
        counted.packages += 1;
        counted.bytes += bytes;
        counted.lastMs = Date.now();
      } finally {
        inFlight -= 1;
        renewWhenIdle();
      }
    },
    status: () => ({ kind: 'link', state, detail, ...counted }),
    close: () =>
      new Promise((resolve) => {
        closed = true;
        clearTimeout(timer);
        if (!socket) return resolve();
        socket.once('close', () => resolve());
        socket.setTimeout(limits.stopGraceMs);
        if (state === 'up') socket.end();
        else socket.destroy();
        state = 'down';
        detail = 'closed';
      }),
  };
}

function dial({ host, port, identity, peer }: LinkSenderOptions): TLSSocket {
  const socket = connect({
    host,
    port,
    ...linkTls(identity, peer),
    ALPNProtocols: [linkProtocol],
    servername: peer.nodeId,
    rejectUnauthorized: true,
    // Names are checked by checkPeer, together with everything else, on both sides alike.
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, limits.linkConnectionMs);
  return socket;
}

/**
 * A failure of the socket in our words: what TLS refused is the peer's fault, all else the way's.
 */
function describe(
  cause: Error,
  socket: TLSSocket,
  { host, port }: LinkSenderOptions,
): SallyportError {
  if (cause instanceof SallyportError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? 'no code';
  const message = `expected a link to ${host}:${port}, got ${code}`;
  const refused = socket.authorizationError || /^(ERR_SSL|ERR_TLS|EPROTO)/.test(code);
  return refused
    ? peerRefused(message, cause)
    : new SallyportError('CHANNEL_LOST', message, { cause });
}
