/**
 * MB/s of a service's answer through the masking of the inner node and the proof of the outer one,
 * by the straight path (one pass over the bytes) and by the slow one (strict parse, compiled walk,
 * write), beside JSON.parse and JSON.stringify of the same bytes; and of answers in other spellings, by
 * whichever path takes them. The answers are pages of the citizen registry, under its own sample policy.
 * Rounds alternate; CPU time decides, not the clock.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { parseJson } from '@sallyport/shared/content/json.ts';
import type { WalkRules } from '@sallyport/shared/content/place.ts';
import { compileRewrite, compileSlow } from '@sallyport/shared/content/rewrite.ts';
import { compileStraight } from '@sallyport/shared/content/straight/compile.ts';
import { responseRules } from '@sallyport/shared/masking/rules.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { schemaFilesOf } from '@sallyport/shared/policy/source.ts';
import { type Machine, machine } from './machine.ts';
import { median } from './median.ts';
import { spellings } from './spellings.ts';

export interface MaskOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

const workNames = ['straight', 'slow', 'parse', 'baseline'] as const;
type WorkName = (typeof workNames)[number];

/** Medians over the rounds; MB/s (10^6 bytes of the document) by CPU time. */
export interface WorkFigures {
  readonly mbPerSec: number;
  readonly cpuUsPerDocument: number;
  /** Speed for one of the baseline. */
  readonly ratio: number;
}

export interface MaskFigures {
  readonly mode: WalkRules['mode'];
  readonly documentBytes: number;
  readonly works: Readonly<Record<WorkName, WorkFigures>>;
}

/** An answer in another spelling, as a node masks it. */
export interface SpellingFigures {
  readonly spelling: string;
  readonly documentBytes: number;
  readonly path: 'straight' | 'slow';
  readonly work: WorkFigures;
}

export interface MaskReport extends Machine {
  readonly seconds: number;
  readonly rounds: number;
  readonly figures: readonly MaskFigures[];
  readonly spellings: readonly SpellingFigures[];
}

const documentSizes = [1024, 100 * 1024];

export function benchMask({ seconds, rounds, say }: MaskOptions): MaskReport {
  const rules = rulesOf('health-office', 'list-citizens');
  const figures = documentSizes.flatMap((sizeMax) => {
    const answer = pageOf(sizeMax);
    const { body } = compileSlow({ ...rules, mode: 'release' })(answer, answer.length);
    if (body === undefined) throw new Error('expected a page of which something is granted');
    return [
      benchMode({ ...rules, mode: 'release' }, answer, { seconds, rounds, say }),
      benchMode({ ...rules, mode: 'verify' }, body, { seconds, rounds, say }),
    ];
  });
  const page = pageOf(documentSizes.at(-1) ?? 0).toString();
  const others = Object.entries(spellings).map(([spelling, written]) =>
    benchSpelling({ ...rules, mode: 'release' }, spelling, Buffer.from(written(page)), {
      seconds,
      rounds,
      say,
    }),
  );
  return { ...machine(), seconds, rounds, figures, spellings: others };
}

function benchMode(
  rules: WalkRules,
  document: Buffer,
  { seconds, rounds, say }: MaskOptions,
): MaskFigures {
  const straight = compileStraight(rules);
  const slow = compileSlow(rules);
  if (straight?.(document) === undefined) throw new Error('expected a document that goes straight');
  const works: Record<WorkName, () => unknown> = {
    straight: () => straight(document),
    slow: () => slow(document, document.length),
    parse: () => parseJson(document),
    baseline: baselineOf(document),
  };
  const of = figuresOf(works, document.length, seconds, rounds);
  say(
    `${rules.mode} ${document.length} bytes: ` +
      workNames.map((work) => `${work} ${of[work].cpuUsPerDocument.toFixed(1)} µs`).join(', ') +
      `; ratio ${of.straight.ratio.toFixed(2)}, slow ${of.slow.ratio.toFixed(2)}`,
  );
  return { mode: rules.mode, documentBytes: document.length, works: of };
}

/** What a node does with it, a refusal too. */
function benchSpelling(
  rules: WalkRules,
  spelling: string,
  document: Buffer,
  { seconds, rounds, say }: MaskOptions,
): SpellingFigures {
  const rewrite = compileRewrite(rules);
  const isStraight = compileStraight(rules)?.(document) !== undefined;
  const ours = (): unknown => {
    try {
      return rewrite(document, document.length);
    } catch (thrown) {
      return thrown;
    }
  };
  const works = { ours, baseline: baselineOf(document) };
  const { ours: work } = figuresOf(works, document.length, seconds, rounds);
  const path = isStraight ? 'straight' : 'slow';
  say(
    `${spelling}: ${path}, ${work.cpuUsPerDocument.toFixed(1)} µs, ratio ${work.ratio.toFixed(2)}`,
  );
  return { spelling, documentBytes: document.length, path, work };
}

function baselineOf(document: Buffer): () => Buffer {
  return () => Buffer.from(JSON.stringify(JSON.parse(document.toString('utf8'))));
}

/** Works in turn, each compared with the one called `baseline` in the same round. */
function figuresOf<Name extends string>(
  works: Readonly<Record<Name | 'baseline', () => unknown>>,
  bytes: number,
  seconds: number,
  rounds: number,
): Record<Name | 'baseline', WorkFigures> {
  const names = Object.keys(works) as (Name | 'baseline')[];
  for (const name of names) cpuUsOf(works[name], seconds / 4);
  const took = Array.from(
    { length: rounds },
    () =>
      Object.fromEntries(names.map((name) => [name, cpuUsOf(works[name], seconds)])) as Record<
        Name | 'baseline',
        number
      >,
  );
  const figure = (name: Name | 'baseline'): WorkFigures => {
    const cpuUs = median(took.map((round) => round[name]));
    const ratio = median(took.map((round) => round.baseline / round[name]));
    return { mbPerSec: bytes / cpuUs, cpuUsPerDocument: cpuUs, ratio };
  };
  return Object.fromEntries(names.map((name) => [name, figure(name)])) as Record<
    Name | 'baseline',
    WorkFigures
  >;
}

/** Schema, granted fields and masks of a route for a consumer. */
function rulesOf(consumer: string, routeName: string): Omit<WalkRules, 'mode'> {
  const folder = join(import.meta.dirname, '../examples/citizen-registry/policy');
  const text = readFileSync(join(folder, 'policy.yaml'), 'utf8');
  const schemas = Object.fromEntries(
    schemaFilesOf(text).map((file) => [file, { text: readFileSync(join(folder, file), 'utf8') }]),
  );
  const { policy } = checkPolicy({ file: 'policy.yaml', text, schemas });
  const routes = policy?.services.flatMap((service) => service.routes) ?? [];
  const response = routes.find(({ name }) => name === routeName)?.response;
  const grant = policy?.grants.find(
    ({ consumer: name, flow }) => name === consumer && flow.endsWith(`/${routeName}`),
  );
  if (!response?.schema || !grant) throw new Error('expected the sample policy without faults');
  return responseRules(response.schema, grant.fields, response.masks);
}

/** The most that the policy's schema lets through. */
const citizensMax = 200;

/** As many citizens as fit; adults, who have every member. */
function pageOf(bytesMax: number): Buffer {
  const adults = makePeople(2000, 11).filter(({ bankCard, landline }) => bankCard && landline);
  let page = Buffer.alloc(0);
  for (let count = 1; count <= citizensMax; count += 1) {
    const items = adults.slice(0, count);
    const longer = Buffer.from(JSON.stringify({ total: 2000, page: 1, size: citizensMax, items }));
    if (longer.length > bytesMax) break;
    page = longer;
  }
  return page;
}

/** CPU µs of one run of the work, over about `seconds` of runs. */
function cpuUsOf(work: () => unknown, seconds: number): number {
  const untilMs = performance.now() + seconds * 1000;
  const before = process.cpuUsage();
  let runs = 0;
  while (performance.now() < untilMs) {
    work();
    runs += 1;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / runs;
}
