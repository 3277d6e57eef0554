/**
 * MB/s of a service's answer through the masking of the inner node (strict parse, compiled walk, write),
 * beside JSON.parse and JSON.stringify of the same bytes. The answers are pages of the citizen
 * registry, under its own sample policy. Rounds alternate; CPU time decides, not the clock.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { parseJson } from '@sallyport/shared/content/json.ts';
import { maskResponse, type ReleasePlan } from '@sallyport/shared/masking/response.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { schemaFilesOf } from '@sallyport/shared/policy/source.ts';
import { type Machine, machine } from './machine.ts';
import { median } from './median.ts';

export interface MaskOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

/** Medians over the rounds; MB/s (10^6 bytes of the answer) by CPU time. */
export interface MaskFigures {
  readonly documentBytes: number;
  readonly mbPerSec: number;
  readonly cpuUsPerDocument: number;
  /** The strict parser alone. */
  readonly parse: { readonly mbPerSec: number };
  readonly baseline: { readonly mbPerSec: number; readonly cpuUsPerDocument: number };
  /** Speed of masking for one of the baseline. */
  readonly ratio: number;
}

export interface MaskReport extends Machine {
  readonly seconds: number;
  readonly rounds: number;
  readonly figures: readonly MaskFigures[];
}

const documentSizes = [1024, 100 * 1024];

export function benchMask({ seconds, rounds, say }: MaskOptions): MaskReport {
  const plan = planOf('health-office', '/citizens');
  const figures = documentSizes.map((sizeMax) => {
    const body = pageOf(sizeMax);
    const answer = { status: 200, contentType: 'application/json', body };
    const works = {
      mask: () => maskResponse(plan, answer).body.length,
      parse: () => parseJson(body) !== null,
      baseline: () => Buffer.from(JSON.stringify(JSON.parse(body.toString('utf8')))).length,
    };
    const took = { mask: [] as number[], parse: [] as number[], baseline: [] as number[] };
    for (const work of Object.values(works)) cpuUsOf(work, seconds / 4);
    for (let round = 0; round < rounds; round += 1) {
      took.mask.push(cpuUsOf(works.mask, seconds));
      took.parse.push(cpuUsOf(works.parse, seconds));
      took.baseline.push(cpuUsOf(works.baseline, seconds));
    }
    const figure = figuresOf(body.length, took);
    say(
      `${body.length} bytes: ${figure.mbPerSec.toFixed(0)} MB/s, parse and stringify alone ` +
        `${figure.baseline.mbPerSec.toFixed(0)} MB/s, ratio ${figure.ratio.toFixed(2)}`,
    );
    return figure;
  });
  return { ...machine(), seconds, rounds, figures };
}

function planOf(consumer: string, path: string): ReleasePlan {
  const folder = join(import.meta.dirname, '../examples/citizen-registry/policy');
  const text = readFileSync(join(folder, 'policy.yaml'), 'utf8');
  const schemas = Object.fromEntries(
    schemaFilesOf(text).map((file) => [file, { text: readFileSync(join(folder, file), 'utf8') }]),
  );
  const { policy: checked } = checkPolicy({ file: 'policy.yaml', text, schemas });
  if (!checked) throw new Error('expected the sample policy without faults');
  const policy = compilePolicy(checked, 1);
  const match = matchRoute(policy, 'GET', path);
  return decide(policy, { consumer: { name: consumer }, match, nowMs: Date.now() });
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

function figuresOf(
  documentBytes: number,
  took: { mask: number[]; parse: number[]; baseline: number[] },
): MaskFigures {
  const mbPerSec = (cpuUs: readonly number[]): number => documentBytes / median(cpuUs);
  return {
    documentBytes,
    mbPerSec: mbPerSec(took.mask),
    cpuUsPerDocument: median(took.mask),
    parse: { mbPerSec: mbPerSec(took.parse) },
    baseline: { mbPerSec: mbPerSec(took.baseline), cpuUsPerDocument: median(took.baseline) },
    ratio: median(took.mask.map((cpuUs, at) => (took.baseline[at] ?? cpuUs) / cpuUs)),
  };
}
