/**
 * The outer node's part of a call's journey; the only place that knows the order.
 *
 *   consumer ▶ accept ▶ authenticate ▶ decide ▶ check ▶ examine ▶ seal ▶ send ──┐ import
 *   consumer ◀ release ◀ check ◀ open ◀ collect ◄───────────────────────────────┘ export
 */
import { createHash } from 'node:crypto';
import { createReplays, type Replays } from '@sallyport/shared/accounts/replays.ts';
import { named } from '@sallyport/shared/content/headers.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { askChecks, askConditions, conditionUses } from '@sallyport/shared/policy/asked.ts';
import { type Decision, decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { checkRequest, readRequest } from '@sallyport/shared/policy/request.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { type Allowance, createAllowance } from '@sallyport/shared/processes/guard/allowance.ts';
import type { GuardContext, Journey, Taking } from '@sallyport/shared/processes/guard/context.ts';
import type { IpcPeer, Reply } from '@sallyport/shared/processes/ipc/peer.ts';
import { accept, type Call } from './accept.ts';
import {
  type Admission,
  createAdmission,
  expectTaken,
  overloaded,
  rateLimited,
} from './admission.ts';
import { createExchanges, type Exchanges, type Pending } from './exchanges.ts';
import { type Crossing, crossingOf, seenOf } from './facts.ts';
import { expectSigned, identify, proofOf, recognised } from './identify.ts';
import { createObedience } from './obey.ts';
import { takeResponse } from './release.ts';
import { expectOwn, replyTo, showExchange, type Wait } from './reply.ts';
import { createRisk, type Risk } from './risk.ts';
import { examineAndSeal, sameKey } from './seal.ts';

export function outerJourney(node: GuardContext): Journey {
  const exchanges = createExchanges(node);
  const admission = createAdmission();
  const allowance = createAllowance(node);
  const risk = createRisk();
  const obedience = createObedience(node);
  const replays = createReplays(node.store.signatureUses(node.now()));
  return {
    handlers: {
      call: (head, body, edge) =>
        call({ node, exchanges, admission, allowance, risk, replays, edge }, head, body),
    },
    take(arrived): Taking {
      const { header } = arrived;
      switch (header.type) {
        case 'response':
          return takeResponse(node, exchanges, { ...arrived, header });
        case 'policy':
          return obedience.take({ ...arrived, header });
        default:
          throw new SallyportError('PACKAGE_MESSAGE', `expected no ${header.type} from inside`);
      }
    },
    tick(nowMs) {
      replays.sweep(nowMs);
      allowance.tick();
      for (const pending of exchanges.overdue()) void expire(node, exchanges, pending, nowMs);
    },
    announce: () => obedience.announce(),
    status: () => ({ waiting: exchanges.size }),
  };
}

interface Parts {
  readonly node: GuardContext;
  readonly exchanges: Exchanges;
  readonly admission: Admission;
  readonly allowance: Allowance;
  readonly risk: Risk;
  readonly replays: Replays;
  readonly edge: IpcPeer;
}

async function call(
  { node, exchanges, admission, allowance, risk, replays, edge }: Parts,
  head: unknown,
  body: Buffer,
) {
  const about: About = {};
  let left: Readonly<Record<string, string>> = {};
  let remote: string | undefined;
  let leave = (): void => {};
  try {
    const arrival = accept(head, body);
    const { id } = arrival;
    about.exchangeId = id;
    remote = arrival.remote;
    const [startedMs, nowMs] = [performance.now(), node.now()];
    const policy = node.policy();
    if (!policy) throw new SallyportError('POLICY_MISSING', 'no policy bundle has arrived yet');
    const { compiled } = policy;
    about.policyVersion = policy.version;
    const shown = recognised(compiled, arrival, nowMs, node.askPlugins);
    const consumer = identify(compiled, arrival, nowMs, shown && (await shown));
    about.consumer = consumer.name;
    if (consumer.signed) replays.take({ ...consumer.signed.use, consumer: consumer.name, id });
    leave = admission.enter(consumer.name, arrival.again);
    const again = exchanges.get(id) ?? (arrival.again ? node.store.exchange(id) : undefined);
    if (again) {
      expectOwn(again, consumer.name);
      return await replyTo(node, exchanges, again, waitOf(arrival));
    }
    if (arrival.path.startsWith(exchangePath)) {
      if (arrival.method !== 'GET') throw new SallyportError('METHOD_REFUSED', 'expected GET');
      await expectTaken(edge);
      return showExchange(node, consumer.name, arrival.path.slice(exchangePath.length));
    }
    const match = matchRoute(compiled, arrival.method, arrival.path);
    about.flow = match.flow;
    const seen = seenOf(risk, consumer.name, remote, nowMs);
    const uses = conditionUses(compiled, consumer.name, match);
    const asked = { consumer: consumer.name, match, nowMs };
    const plugins = uses.length > 0 ? await askConditions(uses, asked, node.askPlugins) : undefined;
    const decision = decide(compiled, { consumer, match, nowMs, plugins, ...seen });
    const crossing = crossingOf(decision, seen);
    Object.assign(about, crossing);
    expectSigned(consumer, named(arrival.headers, decision.requestHeaders));
    const digest = arrival.idempotencyKey === undefined ? undefined : digestOf(arrival);
    if (digest !== undefined) await expectTaken(edge);
    const earlier = sameKey(node, exchanges, consumer.name, arrival, digest);
    if (earlier) return await replyTo(node, exchanges, earlier, waitOf(arrival, decision));

    node.disk.expectRoom();
    exchanges.expectRoom(consumer.name, decision.flow, decision.timeoutMs);
    const acceptedAtMs = node.now();
    const { headers, refusal } = allowance.take(decision, acceptedAtMs);
    left = headers;
    if (refusal) throw refusal;
    const contentType = arrival.headers['content-type'];
    const sent = { ...arrival, params: match.params, contentType };
    const request = checkRequest(decision, readRequest(decision, sent));
    const { checks } = decision.compiled;
    if (checks.length > 0) await askChecks(checks, request.body, node.askPlugins);
    const tookMs = performance.now() - startedMs;
    node.audit.append({ event: 'accept', atMs: nowMs, ...about, bytes: body.length, tookMs });
    const proof = proofOf(arrival, consumer, compiled);
    const waited = uses.length > 0 || checks.length > 0;
    const checked = {
      ...{ arrival, decision, consumer, crossing, acceptedAtMs, proof, waited, ...request },
      ...(digest !== undefined && { digest }),
    };
    const letGo = admission.hold(consumer.name, request.body.length);
    const pending = await examineAndSeal(node, exchanges, checked).finally(letGo);
    return withHeaders(await replyTo(node, exchanges, pending, waitOf(arrival, decision)), left);
  } catch (thrown) {
    const error = asSallyportError(thrown);
    const { code, rule } = error;
    const atMs = node.now();
    node.audit.append({
      event: 'refuse',
      atMs,
      code,
      ...about,
      ...(rule !== undefined && { rule }),
    });
    risk.refused(code, { ...about, ip: remote }, atMs);
    node.flushAudit();
    if (error.code === 'METHOD_REFUSED') return methodRefused(node, head);
    if (error.code === 'OVERLOADED') return overloaded(error);
    if (error.code === 'RATE_LIMITED') return rateLimited(error, left);
    throw error;
  } finally {
    leave();
  }
}

/** What the audit log says of a call, whatever becomes of it. */
interface About extends Crossing {
  exchangeId?: string;
  consumer?: string;
  flow?: string;
  policyVersion?: number;
}

function withHeaders(reply: Reply, more: Readonly<Record<string, string>>): Reply {
  const head = reply.head as { headers?: Readonly<Record<string, string>> };
  return { ...reply, head: { ...head, headers: { ...head.headers, ...more } } };
}

const exchangePath = '/exchanges/';

/** A 405 says which methods there are (RFC 9110 §15.5.6). */
function methodRefused(node: GuardContext, head: unknown): Reply {
  const { path } = head as Call;
  const known = path.startsWith(exchangePath)
    ? ['GET']
    : node.policy()?.compiled.routes.allowed(path);
  const headers = { allow: (known ?? []).join(', ') };
  return { head: { status: 405, headers, code: 'METHOD_REFUSED' } };
}

/** Whatever makes two calls the same call: method, path, query and body. */
function digestOf({ method, path, query, body }: Call): string {
  const head = JSON.stringify([method, path, query]);
  return createHash('sha256').update(head).update('\0').update(body).digest('hex');
}

function waitOf(arrival: Call, decision?: Decision): Wait {
  const mostMs = decision?.timeoutMs ?? limits.edgeRequestTimeoutMs;
  return {
    async: arrival.respondAsync,
    waitMs: Math.min(arrival.waitMs ?? mostMs, mostMs),
  };
}

/** An exchange whose answer did not come: recorded, then told to whoever still waits. Never rejects. */
async function expire(
  node: GuardContext,
  exchanges: Exchanges,
  { id, consumer, flow }: Pending,
  atMs: number,
): Promise<void> {
  const code = 'DEADLINE_PASSED';
  let untold: AuditEvent | undefined = {
    event: 'expire',
    atMs,
    exchangeId: id,
    consumer,
    flow,
    code,
  };
  while (!node.stopping.aborted) {
    try {
      if (untold) node.audit.append(untold);
      untold = undefined;
      await node.store.write((tx) => {
        tx.endExchange(id, 'EXPIRED', code, atMs);
        node.audit.drain(tx);
      });
      return exchanges.end(id, new SallyportError(code, 'no answer came in time'));
    } catch (thrown) {
      node.log.warn({ code: asSallyportError(thrown).code, id }, 'expiry waits for the store');
      await new Promise((resolve) => setTimeout(resolve, limits.answerRetryMs));
    }
  }
}
