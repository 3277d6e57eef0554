/** The edge process: takes calls in, sends calls out, and asks the guard about both. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { limits } from '../../limits.ts';
import type { Wire } from '../ipc/wire.ts';
import { type Acceptor, acceptCalls } from './accept.ts';
import { watchConnections } from './connections.ts';
import { createGuardLine, type GuardLine } from './guard-line.ts';
import type { EdgeLimits } from './limits.ts';
import { type AcceptOptions, createEdgeServer, type EdgeAddress, listenAt } from './listen.ts';
import { createEdgeMetrics } from './metrics.ts';
import { createNotes } from './notes.ts';
import type { Upstream } from './upstream.ts';

export interface EdgeOptions {
  readonly guard: Wire;
  readonly admin: Wire;
  /** Take calls. */
  readonly accept?: AcceptOptions;
  /** Make calls; `ca` (PEM) is who vouches for upstreams with https. */
  readonly upstream?: { readonly ca?: string | Buffer };
  readonly log: Logger;
  /** Where the node's configuration departs from limits.ts. */
  readonly limits?: Partial<EdgeLimits>;
}

export interface Edge {
  /** Where calls are taken. */
  readonly address: EdgeAddress | undefined;
  /**
   * Takes nothing new, lets what is under way finish for `stopGraceMs` as long as the guard is there, then
   * ends it.
   */
  close(): Promise<void>;
}

/**
 * Starts the edge. It listens before the guard is there; calls wait a little for it.
 * Errors: CONFIG_INVALID, ADDRESS_IN_USE.
 */
export async function runEdge(options: EdgeOptions): Promise<Edge> {
  const { accept } = options;
  const { log } = options;
  const bounds: EdgeLimits = { ...limits, ...options.limits };
  const startedAtMs = Date.now();
  let acceptor: Acceptor | undefined;
  const metrics = createEdgeMetrics(() => ({
    inFlight: acceptor?.inFlight ?? 0,
    upstreamInFlight: upstream?.inFlight ?? 0,
    connections: connections?.size ?? 0,
    unfinished: connections?.unfinished ?? 0,
    heldBytes: acceptor?.heldBytes ?? 0,
    upstreamHeldBytes: upstream?.heldBytes ?? 0,
  }));
  const notes = createNotes(log, bounds);
  // The outer edge has none, and does not load what it takes.
  const upstream: Upstream | undefined =
    options.upstream &&
    (await import('./upstream.ts')).createUpstream(bounds, options.upstream.ca, metrics, notes);
  const server = accept && createEdgeServer(accept, bounds);
  const connections =
    server &&
    watchConnections(server, bounds, (fault, network) => {
      metrics.refusedConnection(fault);
      notes.note(fault, { network }, 'connection closed');
    });
  const address = accept && server && (await listenAt(server, accept));
  const guard: GuardLine = createGuardLine(
    options.guard,
    upstream ? { upstream: upstream.call } : {},
    bounds,
  );
  if (server && connections) {
    acceptor = acceptCalls({ server, connections, guard, bounds, metrics, notes });
  }
  const status = () => ({
    process: 'edge',
    startedAtMs,
    guard: guard.connected,
    listening: address?.url,
    inFlight: acceptor?.inFlight ?? 0,
    upstreamInFlight: upstream?.inFlight ?? 0,
    targetsAside: upstream?.aside ?? 0,
  });
  const admin = options.admin({
    status: () => ({ head: status() }),
    metrics: async () => ({ head: await metrics.json() }),
  });
  log.info({ listening: address?.url, upstream: upstream !== undefined }, 'edge started');

  const stop = async (): Promise<void> => {
    server?.close();
    const gone = guard.end();
    // Nobody takes the answer of an upstream whose guard is gone.
    const asked = Promise.race([upstream?.close(), gone]);
    await within(Promise.all([acceptor?.stop(), asked]), limits.stopGraceMs);
    // One turn for answers that were handed to a socket in this one.
    await turn();
    guard.close();
    connections?.closeAll();
    await upstream?.destroy();
    admin.close();
    notes.close();
    log.info('edge stopped');
  };
  let stopped: Promise<void> | undefined;
  return {
    address,
    close() {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Waits for the work or for the time, whichever is first. */
async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise<void>((done) => {
    timer = setTimeout(done, ms);
  });
  await Promise.race([work, time]);
  clearTimeout(timer);
}
