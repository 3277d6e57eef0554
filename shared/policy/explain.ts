/** Why a call is allowed or refused: the steps of decide(), one by one. It decides by decide() itself. */
import { counted } from '../counted.ts';
import { asSallyportError, type ErrorCode } from '../errors.ts';
import { type FieldRow, fieldsFor } from './access.ts';
import { isInDate } from './allow.ts';
import { type CompiledPolicy, grantKey } from './compile.ts';
import type { Condition, Facts, RiskFact, SourceFact } from './conditions.ts';
import { decide, factsOf, matchRoute, type RouteMatch } from './decide.ts';
import type { Rates } from './terms.ts';

export interface Question {
  readonly consumer: string;
  readonly method: string;
  /** In normal form. */
  readonly path: string;
  /** What to call the path by, where only its route is known. */
  readonly shownPath?: string;
  readonly nowMs: number;
  readonly source?: SourceFact | undefined;
  readonly risk?: RiskFact | undefined;
  /** What plug-ins answered, by name. */
  readonly plugins?: Facts['plugins'];
}

export interface Step {
  readonly step: 'route' | 'consumer' | 'grant' | 'deny' | 'from' | 'until' | 'when';
  /** `unanswered`: a condition that has no answer, which refuses. */
  readonly outcome: 'passed' | 'refused' | 'unanswered';
  readonly detail: string;
}

export interface Explanation {
  readonly allowed: boolean;
  /** Why not. */
  readonly code?: ErrorCode;
  readonly policyVersion: number;
  readonly consumer: string;
  readonly flow?: string;
  readonly steps: readonly Step[];
  /** Facts that cross with the request, because the decision reads them. */
  readonly crosses: readonly string[];
  readonly limits?: Rates;
  /** What the consumer would get of the answer. */
  readonly fields: readonly FieldRow[];
}

/** Never throws: what refuses is part of the answer. Credentials, limits and content are not looked at. */
export function explain(compiled: CompiledPolicy, question: Question): Explanation {
  const { consumer, method, path, nowMs } = question;
  const about = { policyVersion: compiled.version, consumer };
  let match: RouteMatch;
  try {
    match = matchRoute(compiled, method, path);
  } catch (thrown) {
    const { code, message } = asSallyportError(thrown);
    const steps: Step[] = [{ step: 'route', outcome: 'refused', detail: message }];
    return { ...about, allowed: false, code, steps, crosses: [], fields: [] };
  }
  const { flow } = match;
  const { level } = match.compiled.service;
  const steps: Step[] = [
    passed('route', `${method} ${question.shownPath ?? path} is ${flow}, level ${level}`),
  ];
  if (!compiled.policy.consumers.some(({ name }) => name === consumer)) {
    steps.push({
      step: 'consumer',
      outcome: 'refused',
      detail: `${consumer} is not in the policy`,
    });
  }
  const granted = compiled.grants.get(grantKey(consumer, flow));
  if (granted === undefined) {
    const detail = `${consumer} has no grant for ${flow}: what is not granted is refused`;
    steps.push({ step: 'grant', outcome: 'refused', detail });
    return {
      ...about,
      allowed: false,
      code: 'GRANT_MISSING',
      flow,
      steps,
      crosses: [],
      fields: [],
    };
  }
  const { grant, terms } = granted;
  const facts = factsOf(consumer, match, question);
  steps.push(passed('grant', `${counted(grant.fields.length, 'field')} granted`));
  steps.push(...denySteps(terms.denies, facts), ...dateSteps(grant, nowMs));
  if (terms.when !== undefined) steps.push(conditionStep('when', terms.when, facts, true));
  let code: ErrorCode | undefined;
  try {
    decide(compiled, { ...question, consumer: { name: consumer }, match });
  } catch (thrown) {
    code = asSallyportError(thrown).code;
  }
  return {
    ...about,
    allowed: code === undefined,
    ...(code !== undefined && { code }),
    flow,
    steps,
    crosses: [...terms.reads].sort(),
    ...(grant.limits && { limits: grant.limits }),
    fields: fieldsFor(match.compiled.route, grant, nowMs),
  };
}

type Denies = NonNullable<ReturnType<CompiledPolicy['grants']['get']>>['terms']['denies'];

function denySteps(denies: Denies, facts: Facts): Step[] {
  return denies.map(({ rule, when }): Step => {
    const what = `rule ${rule.name} (${rule.reason})`;
    if (!isInDate(rule, facts.nowMs)) return passed('deny', `${what} is not in force then`);
    if (when === undefined) return { step: 'deny', outcome: 'refused', detail: `${what} fits` };
    const { outcome, detail } = conditionStep('deny', when, facts, false);
    return { step: 'deny', outcome, detail: `${what}: ${detail}` };
  });
}

function dateSteps(
  { fromMs, untilMs }: { readonly fromMs?: number; readonly untilMs?: number },
  nowMs: number,
): Step[] {
  const step = (name: 'from' | 'until', holds: boolean, ms: number): Step => ({
    step: name,
    outcome: holds ? 'passed' : 'refused',
    detail: `${name} ${new Date(ms).toISOString()}`,
  });
  return [
    ...(fromMs === undefined ? [] : [step('from', nowMs >= fromMs, fromMs)]),
    ...(untilMs === undefined ? [] : [step('until', nowMs < untilMs, untilMs)]),
  ];
}

/** `wanted`: the answer that lets the call through. */
function conditionStep(
  step: 'when' | 'deny',
  condition: Condition,
  facts: Facts,
  wanted: boolean,
): Step {
  try {
    const holds = condition.holds(facts);
    const outcome = holds === wanted ? 'passed' : 'refused';
    return { step, outcome, detail: `${condition.text} is ${holds}` };
  } catch {
    const missing = [
      ...[...condition.reads].filter((fact) => facts[fact] === undefined),
      ...[...condition.plugins].filter((name) => !facts.plugins?.has(name)).map(pluginText),
    ];
    const why = missing.length > 0 ? `without ${missing.join(' and ')}` : 'for this call';
    return { step, outcome: 'unanswered', detail: `${condition.text} has no answer ${why}` };
  }
}

const pluginText = (name: string): string => `plug-in ${name}`;

const passed = (step: Step['step'], detail: string): Step => ({ step, outcome: 'passed', detail });
