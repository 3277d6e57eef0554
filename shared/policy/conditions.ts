/**
 * Conditions (`when`): a profile of CEL that is checked for its types and bounded in its cost before
 * it is ever run. docs/spec/policy.md §Conditions is the norm.
 *
 * There is no loop in the profile and no pattern, so a condition costs as much as it has parts.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { isZone, localDate } from '../zones.ts';
import { type DataLevel, namePattern } from './model.ts';
import { type Address, isWithin, parseAddress, parseNetwork } from './network.ts';

/** What a condition may ask about. A fact that is not there makes a condition that reads it fail. */
export interface Facts {
  /** Clock of the guard that decides. */
  readonly nowMs: number;
  readonly method: string;
  readonly consumer: { readonly name: string };
  readonly route: {
    readonly flow: string;
    readonly service: string;
    readonly name: string;
    readonly owner: string;
    readonly level: DataLevel;
  };
  readonly source?: SourceFact | undefined;
  readonly risk?: RiskFact | undefined;
  /** What plug-ins answered, by name. */
  readonly plugins?: ReadonlyMap<string, boolean> | undefined;
}

/** Where a call came from, as the edge of the outer node saw it. */
export interface SourceFact {
  readonly ip: string;
}

/** What the outer guard counted in the last minutes; whole numbers. */
export interface RiskFact {
  /** 0-100. */
  readonly score: number;
}

/** Facts that only the outer node has; they cross with a request whose decision reads them. */
export type CrossingFact = 'source' | 'risk';

export interface Condition {
  readonly text: string;
  readonly reads: ReadonlySet<CrossingFact>;
  /** Plug-ins that it asks. */
  readonly plugins: ReadonlySet<string>;
  /** True where no fact but the time and what the policy itself says is read. */
  readonly readsOnlyTime: boolean;
  /** Errors: CONDITION_FAILED where it cannot be answered: whoever asks refuses then. */
  holds(facts: Facts): boolean;
}

/** The condition, or what is wrong with the text. Never throws. */
export function readCondition(
  text: string,
): { readonly condition: Condition } | { readonly fault: string } {
  if (Buffer.byteLength(text) > limits.conditionBytesMax) {
    return { fault: `expected at most ${limits.conditionBytesMax} bytes` };
  }
  try {
    const program = environment.parse(text);
    const names = new Set<string>();
    const outside = profileFault(program.ast, names);
    if (outside !== undefined) return { fault: outside };
    const { valid, type, error } = program.check();
    if (!valid) return { fault: `expected a condition of CEL: ${summaryOf(error)}` };
    if (type !== 'bool')
      return { fault: `expected a condition that is true or false, got ${type}` };
    const reads = new Set(crossingFacts.filter((fact) => names.has(fact)));
    const plugins = new Set([...names].flatMap((name) => /^plugin (.*)$/.exec(name)?.[1] ?? []));
    const isFixed = reads.size === 0 && plugins.size === 0;
    const readsOnlyTime = isFixed && !names.has('consumer') && !names.has('route');
    const holds = (facts: Facts): boolean => answer(program, facts);
    return { condition: { text, reads, plugins, readsOnlyTime, holds } };
  } catch (error) {
    return { fault: `expected a condition of CEL: ${summaryOf(error)}` };
  }
}

const crossingFacts: readonly CrossingFact[] = ['source', 'risk'];

function answer(program: (facts: Record<string, unknown>) => unknown, facts: Facts): boolean {
  let value: unknown;
  try {
    const { nowMs, method, consumer, route, source, risk, plugins } = facts;
    value = program({
      request: new RequestFacts(new Date(nowMs), method, plugins),
      consumer: new ConsumerFacts(consumer.name),
      route: new RouteFacts(route),
      ...(source && { source: new SourceFacts(source.ip) }),
      ...(risk && { risk: new RiskFacts(risk) }),
    });
  } catch (cause) {
    throw failed('an answer', cause);
  }
  if (typeof value !== 'boolean') throw failed('true or false');
  return value;
}

function failed(expected: string, cause?: unknown): SallyportError {
  return new SallyportError('CONDITION_FAILED', `expected ${expected} of a condition, got none`, {
    hint: 'try it with `sallyport policy explain`; a fact that it reads may be missing',
    cause,
  });
}

/** The first line: what follows shows the text with a mark under it. */
function summaryOf(error: unknown): string {
  return asSallyportError(error).message.split('\n', 1)[0] ?? '';
}

// What CEL sees of the facts: classes, for its types are told apart by constructor.
class ClockTime {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}
class IpAddress {
  readonly address: Address;
  constructor(text: string) {
    const address = parseAddress(text);
    if (address === undefined) throw new SallyportError('CONDITION_FAILED', 'expected an address');
    this.address = address;
  }
}
class RequestFacts {
  readonly time: ClockTime;
  readonly method: string;
  readonly plugins: Facts['plugins'];
  constructor(now: Date, method: string, plugins: Facts['plugins']) {
    this.time = new ClockTime(now.getTime());
    this.method = method;
    this.plugins = plugins;
  }
}
class ConsumerFacts {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
class RouteFacts {
  readonly flow: string;
  readonly service: string;
  readonly name: string;
  readonly owner: string;
  readonly level: string;
  constructor(route: Facts['route']) {
    this.flow = route.flow;
    this.service = route.service;
    this.name = route.name;
    this.owner = route.owner;
    this.level = route.level;
  }
}
class SourceFacts {
  readonly ip: IpAddress;
  constructor(ip: string) {
    this.ip = new IpAddress(ip);
  }
}
class RiskFacts {
  readonly score: bigint;
  constructor(risk: RiskFact) {
    this.score = BigInt(risk.score);
  }
}

/** Methods of a time: of the clock in a zone, of UTC where none is named. */
const timeParts: Readonly<Record<string, (local: Date) => number>> = {
  getFullYear: (local) => local.getUTCFullYear(),
  getMonth: (local) => local.getUTCMonth(),
  getDate: (local) => local.getUTCDate(),
  getDayOfMonth: (local) => local.getUTCDate() - 1,
  getDayOfWeek: (local) => local.getUTCDay(),
  getHours: (local) => local.getUTCHours(),
  getMinutes: (local) => local.getUTCMinutes(),
  getSeconds: (local) => local.getUTCSeconds(),
};

const environment = makeEnvironment();

function makeEnvironment(): Environment {
  const env = new Environment({
    limits: {
      maxAstNodes: limits.conditionNodesMax,
      maxDepth: limits.conditionDepthMax,
      maxListElements: limits.conditionListMax,
      maxMapEntries: 0,
      maxCallArguments: 2,
    },
  });
  const text = 'string';
  env
    .registerType('Time', { ctor: ClockTime, fields: {} })
    .registerType('IpAddress', { ctor: IpAddress, fields: {} })
    .registerType('Request', { ctor: RequestFacts, fields: { time: 'Time', method: text } })
    .registerType('Consumer', { ctor: ConsumerFacts, fields: { name: text } })
    .registerType('Route', {
      ctor: RouteFacts,
      fields: { flow: text, service: text, name: text, owner: text, level: text },
    })
    .registerType('Source', { ctor: SourceFacts, fields: { ip: 'IpAddress' } })
    .registerType('Risk', { ctor: RiskFacts, fields: { score: 'int' } })
    .registerVariable('request', 'Request')
    .registerVariable('consumer', 'Consumer')
    .registerVariable('route', 'Route')
    .registerVariable('source', 'Source')
    .registerVariable('risk', 'Risk')
    .registerFunction('Request.plugin(string): bool', ({ plugins }: RequestFacts, name: string) => {
      const known = plugins?.get(name);
      if (known !== undefined) return known;
      throw new SallyportError('CONDITION_FAILED', `expected an answer of plug-in ${name}`);
    })
    .registerFunction('IpAddress.inCidr(string): bool', (ip: IpAddress, network: string) =>
      isInside(ip, network),
    )
    .registerFunction('IpAddress.inCidr(list<string>): bool', (ip: IpAddress, list: string[]) =>
      list.some((network) => isInside(ip, network)),
    );
  for (const [name, part] of Object.entries(timeParts)) {
    env
      .registerFunction(`Time.${name}(): int`, ({ ms }: ClockTime) => BigInt(part(new Date(ms))))
      .registerFunction(`Time.${name}(string): int`, ({ ms }: ClockTime, zone: string) => {
        const local = localDate(ms, zone);
        if (local === undefined) throw new SallyportError('CONDITION_FAILED', 'expected a zone');
        return BigInt(part(local));
      });
  }
  const moment = 'google.protobuf.Timestamp';
  return env
    .registerOperator(`Time < ${moment}`, ({ ms }: ClockTime, at: Date) => ms < at.getTime())
    .registerOperator(`Time <= ${moment}`, ({ ms }: ClockTime, at: Date) => ms <= at.getTime())
    .registerOperator(`Time > ${moment}`, ({ ms }: ClockTime, at: Date) => ms > at.getTime())
    .registerOperator(`Time >= ${moment}`, ({ ms }: ClockTime, at: Date) => ms >= at.getTime());
}

function isInside(ip: IpAddress, text: string): boolean {
  const network = parseNetwork(text);
  if (network === undefined) throw new SallyportError('CONDITION_FAILED', 'expected a network');
  return isWithin(ip.address, network);
}

const operators: ReadonlySet<string> = new Set(
  'value id . list call rcall ?: || && !_ -_ == != < <= > >= in + - * / %'.split(' '),
);
const textMethods: ReadonlySet<string> = new Set(['startsWith', 'endsWith', 'contains']);

/** What the profile does not know; names of variables, and `plugin NAME`, are collected on the way. */
function profileFault(node: ASTNode, names: Set<string>): string | undefined {
  const { op, args } = node;
  if (!operators.has(op)) return `expected no "${op}" in a condition`;
  if (op === 'value') {
    return args instanceof Uint8Array ? 'expected no bytes in a condition' : undefined;
  }
  if (op === 'id') {
    names.add(args);
    return undefined;
  }
  if (op === 'call') return callFault(args[0], args[1], names);
  if (op === 'rcall') {
    if (args[0] === 'plugin') names.add(`plugin ${literal(args[2][0]) ?? ''}`);
    return methodFault(args[0], args[2]) ?? firstFault([args[1], ...args[2]], names);
  }
  return firstFault(Array.isArray(args) ? args : [args], names);
}

function firstFault(parts: readonly unknown[], names: Set<string>): string | undefined {
  for (const part of parts) {
    const fault = isNode(part) ? profileFault(part, names) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const isNode = (part: unknown): part is ASTNode =>
  typeof part === 'object' && part !== null && 'op' in part && 'args' in part;

function callFault(name: string, args: readonly ASTNode[], names: Set<string>): string | undefined {
  if (name === 'size') return firstFault(args, names);
  if (name !== 'timestamp') return `expected no function "${name}" in a condition`;
  const text = literal(args[0]);
  const fits = text !== undefined && !Number.isNaN(Date.parse(text));
  return fits ? undefined : 'expected timestamp("2027-01-01T00:00:00Z"), a moment written out';
}

function methodFault(name: string, args: readonly ASTNode[]): string | undefined {
  const [first] = args;
  if (name === 'inCidr') {
    const networks = first?.op === 'list' ? first.args.map(literal) : [literal(first)];
    const fit = networks.every((text) => text !== undefined && parseNetwork(text) !== undefined);
    return fit ? undefined : 'expected inCidr("10.1.0.0/16"), networks written out, no host bits';
  }
  if (Object.hasOwn(timeParts, name)) {
    const zone = literal(first);
    const fits = first === undefined || (zone !== undefined && isZone(zone));
    return fits ? undefined : `expected ${name}("Asia/Shanghai"), a zone written out`;
  }
  if (name === 'plugin') {
    const fits = namePattern.test(literal(first) ?? '');
    return fits ? undefined : 'expected plugin("name"), the name written out';
  }
  return textMethods.has(name) ? undefined : `expected no method "${name}" in a condition`;
}

function literal(node: ASTNode | undefined): string | undefined {
  return node?.op === 'value' && typeof node.args === 'string' ? node.args : undefined;
}
