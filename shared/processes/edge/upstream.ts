/**
 * The guard's order to call a service, and the service's answer:
 *
 *   guard ▶ upstream(head, body) ▶ choose target ▶ dispatch ▶ answer without connection headers ▶ guard
 *                                       ▲  │ nothing sent
 *                                       └──┘ next target
 */
import { encodeQuery, pathSegments, type QueryPair } from '../../content/path.ts';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Reply } from '../ipc/peer.ts';
import { createDeadlines } from './deadlines.ts';
import {
  createAnswerRoom,
  dispatch,
  type UpstreamRequest,
  type UpstreamResponse,
} from './dispatch.ts';
import { dropNominated, hopByHop } from './hop.ts';
import type { EdgeLimits } from './limits.ts';
import type { EdgeMetrics } from './metrics.ts';
import type { Notes } from './notes.ts';
import { createTargets, type Place, type Target } from './targets.ts';

/** What the guard sends along. It comes from our own guard, yet is checked like any other input. */
export interface UpstreamHead {
  readonly id: string;
  readonly targets: readonly Target[];
  readonly method: string;
  /** Normal form; the targets' own base path is put before it. */
  readonly path: string;
  readonly query: readonly QueryPair[];
  /** Only what the route lets through. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** Sent as Idempotency-Key; the guard sets it where the call may be made twice. */
  readonly idempotencyKey?: string;
  /** For everything, connecting included. */
  readonly timeoutMs: number;
}

/** The service's answer, told to the guard. */
export interface UpstreamReply {
  readonly status: number;
  /** Lower-case names; no connection headers, no cookies, no content type. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType?: string;
}

export interface Upstream {
  /**
   * Handler of the verb `upstream`. Errors: IPC_FRAME, NOT_READY (stopping), OVERLOADED, PATH_REFUSED:
   * nothing was sent; then those of dispatch.
   */
  call(head: unknown, body: Buffer): Promise<Reply>;
  readonly inFlight: number;
  /** Bytes of answers that are held now. */
  readonly heldBytes: number;
  /** Targets that are left aside at the moment. */
  readonly aside: number;
  /** Takes nothing new; resolves after the last call. */
  close(): Promise<void>;
  destroy(): Promise<void>;
}

const fromGuardNever: ReadonlySet<string> = new Set([
  ...hopByHop,
  'accept-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
]);
const toGuardNever: ReadonlySet<string> = new Set([
  ...hopByHop,
  'content-encoding',
  'content-length',
  'content-type',
  'set-cookie',
]);

export function createUpstream(
  bounds: EdgeLimits,
  ca: string | Buffer | undefined,
  metrics: EdgeMetrics,
  notes: Notes,
): Upstream {
  const targets = createTargets(bounds, ca);
  const deadlines = createDeadlines();
  const room = createAnswerRoom(bounds.upstreamBodiesBytesMax);
  const dispatching = { deadlines, room, bounds };
  let inFlight = 0;
  let stopping = false;

  /** Goes on to the next target only where nothing was sent to the last one. */
  const callOne = async (head: UpstreamHead, body: Buffer): Promise<UpstreamResponse> => {
    const dueMs = performance.now() + Math.min(head.timeoutMs, limits.ipcRequestTimeoutMs);
    const request = buildRequest(head, body);
    const tried = new Set<Place>();
    let failure: SallyportError | undefined;
    for (;;) {
      const nowMs = performance.now();
      const place = targets.choose(head.targets, tried, nowMs);
      if (!place || nowMs >= dueMs) {
        throw failure ?? new SallyportError('UPSTREAM_UNREACHABLE', 'expected a target, got none');
      }
      tried.add(place);
      const there = { ...request, path: place.basePath + request.path };
      try {
        return await dispatch(place.pool, there, dueMs - nowMs, dispatching);
      } catch (thrown) {
        failure = asSallyportError(thrown);
        if (failure.code !== 'UPSTREAM_UNREACHABLE') throw failure;
        if (failure.cause !== undefined) targets.leaveAside(place, performance.now());
      }
    }
  };

  return {
    async call(given, body) {
      const head = readHead(given);
      if (stopping) throw new SallyportError('NOT_READY', 'the edge is stopping');
      if (inFlight >= bounds.upstreamCallsInFlightMax) {
        throw new SallyportError('OVERLOADED', 'expected a free place for a call, got none');
      }
      inFlight += 1;
      const startedMs = performance.now();
      try {
        const response = await callOne(head, body);
        metrics.called(response.status, performance.now() - startedMs);
        room.leave(response.holder);
        return { head: replyHead(response), body: response.body };
      } catch (thrown) {
        const error = asSallyportError(thrown);
        const ms = Math.round(performance.now() - startedMs);
        metrics.called(error.code, ms);
        const note = { exchange: head.id, method: head.method, ms, detail: error.message };
        notes.note(error.code, note, 'call failed');
        throw error;
      } finally {
        inFlight -= 1;
      }
    },
    get inFlight() {
      return inFlight;
    },
    get heldBytes() {
      return room.bytes;
    },
    get aside() {
      return targets.aside(performance.now());
    },
    close() {
      stopping = true;
      return targets.close();
    },
    destroy() {
      deadlines.close();
      return targets.destroy();
    },
  };
}

function readHead(given: unknown): UpstreamHead {
  const head = (given ?? {}) as Partial<Record<keyof UpstreamHead, unknown>>;
  const fits =
    typeof head.id === 'string' &&
    typeof head.method === 'string' &&
    typeof head.path === 'string' &&
    typeof head.timeoutMs === 'number' &&
    head.timeoutMs > 0 &&
    isTextOrNone(head.contentType) &&
    isTextOrNone(head.idempotencyKey) &&
    isTextRecord(head.headers) &&
    isQuery(head.query) &&
    Array.isArray(head.targets) &&
    head.targets.every((one) => typeof one?.url === 'string' && one.weight > 0);
  if (!fits) throw new SallyportError('IPC_FRAME', 'expected the head of an upstream call');
  return given as UpstreamHead;
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isTextRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((one) => typeof one === 'string');
}

function isQuery(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every(
    (pair) =>
      Array.isArray(pair) && pair.length === 2 && pair.every((one) => typeof one === 'string'),
  );
}

/** Path and query are written anew in strict percent-encoding; a path in another form is refused. */
function buildRequest(head: UpstreamHead, body: Buffer): UpstreamRequest {
  pathSegments(head.path);
  const query = encodeQuery(head.query);
  const headers = ['accept-encoding', 'identity'];
  for (const name in head.headers) {
    const value = head.headers[name];
    if (value !== undefined && !fromGuardNever.has(name)) headers.push(name, value);
  }
  if (head.contentType !== undefined) headers.push('content-type', head.contentType);
  if (head.idempotencyKey !== undefined) headers.push('idempotency-key', head.idempotencyKey);
  const path = query === '' ? head.path : `${head.path}?${query}`;
  return { method: head.method, path, headers, body };
}

function replyHead({ status, headers: given }: UpstreamResponse): UpstreamReply {
  const headers: Record<string, string> = Object.create(null);
  for (const name in given) {
    const value = given[name];
    if (value === undefined || toGuardNever.has(name)) continue;
    headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  if (given.connection !== undefined) dropNominated(headers, String(given.connection));
  const contentType = given['content-type'];
  return contentType === undefined ? { status, headers } : { status, headers, contentType };
}
