/**
 * What plug-ins have a say in before a request is decided here. Most requests need none of them and are
 * decided on the spot; those that do wait for their answers, after they were recorded.
 */
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import type { RequestHeader } from '@sallyport/shared/exchange/message.ts';
import {
  askChecks,
  askConditions,
  authenticatorOf,
  conditionUses,
  type Recognised,
  recognise,
} from '@sallyport/shared/policy/asked.ts';
import type { CompiledPolicy } from '@sallyport/shared/policy/compile.ts';
import { matchRoute, type RouteMatch } from '@sallyport/shared/policy/decide.ts';
import type { Arrived, GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import { type Admitted, type Answers, asOfAgain, type Counted, tryAdmit } from './admit.ts';

/** Whether plug-ins must be asked before this request can be decided. */
export function needsPlugins(node: GuardContext, header: RequestHeader): boolean {
  const compiled = node.policy()?.compiled;
  if (compiled === undefined || compiled.plugins.size === 0) return false;
  if (header.shown !== undefined) return true;
  const match = tryMatch(compiled, header);
  if (match === undefined) return false;
  return (
    match.compiled.checks.length > 0 || conditionUses(compiled, header.consumer, match).length > 0
  );
}

/** As tryAdmit, with what plug-ins answer. Never rejects. */
export async function tryAdmitAsking(
  node: GuardContext,
  arrived: Arrived<RequestHeader>,
  counted: Counted,
): Promise<Admitted | SallyportError> {
  try {
    const answers = await answersFor(node, arrived);
    const admitted = tryAdmit(node, arrived, counted, answers);
    if (admitted instanceof SallyportError) return admitted;
    const { use, decision, json } = admitted;
    // Before its effect can be seen, as where the request is decided at once.
    if (use !== undefined) await node.store.write((tx) => tx.recordSignatureUse(use));
    const { checks } = decision.compiled;
    if (checks.length > 0) await askChecks(checks, json, node.askPlugins);
    return admitted;
  } catch (thrown) {
    return asOfAgain(asSallyportError(thrown), arrived);
  }
}

async function answersFor(
  node: GuardContext,
  { header, body }: Arrived<RequestHeader>,
): Promise<Answers> {
  const compiled = node.policy()?.compiled;
  const match = compiled && tryMatch(compiled, header);
  // What is wrong with it the decision says.
  if (compiled === undefined || match === undefined) return {};
  const nowMs = node.now();
  const uses = conditionUses(compiled, header.consumer, match);
  const asked = { consumer: header.consumer, match, nowMs };
  const plugins = uses.length > 0 ? await askConditions(uses, asked, node.askPlugins) : undefined;
  return { plugins, recognised: await recognisedAgain(node, compiled, { header, body, match }) };
}

/** The caller, by this node's own plug-in and what crossed of the call. */
async function recognisedAgain(
  node: GuardContext,
  compiled: CompiledPolicy,
  { header, body, match }: { header: RequestHeader; body: Buffer; match: RouteMatch },
): Promise<Recognised | undefined> {
  const { method, path, query, shown, deadlineMs } = header;
  if (shown === undefined) return undefined;
  const use = authenticatorOf(compiled, shown);
  if (use === undefined) return undefined;
  // The clock of the call, as far as it may have been on its way.
  const lateMs = match.compiled.route.deadlineMs;
  const nowMs = node.now();
  const calledMs = Math.min(nowMs, Math.max(deadlineMs, nowMs) - lateMs);
  const call = { method, path, query, headers: shown, body, nowMs: calledMs };
  return recognise(use, call, node.askPlugins);
}

function tryMatch(compiled: CompiledPolicy, header: RequestHeader): RouteMatch | undefined {
  try {
    return matchRoute(compiled, header.method, header.path);
  } catch {
    return undefined;
  }
}
