/**
 * `sallyport demo`: two nodes on this machine, a real API behind the inner one, and calls that cross. All of
 * it is done with the commands that an operator types, which are printed as they run.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { type Command, Option } from 'commander';
import { type DemoAnswer, makeCall } from './demo/call.ts';
import { packagesOf } from './demo/packages.ts';
import { type DemoChannel, type DemoHsm, type DemoPair, startPair } from './demo/pair.ts';
import { ownApi, readOwnApi, type Scene, sampleApi } from './demo/scene.ts';
import { callText, comparison } from './demo/show.ts';
import { eventsOf, type Hop, traceOf } from './demo/trace.ts';
import { exitCodes, paint, result, resultJson } from './print.ts';

interface DemoOptions {
  readonly dir?: string;
  readonly channel: DemoChannel;
  readonly hsm: DemoHsm;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly upstream?: string;
  readonly openapi?: string;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('run both nodes here, with an example API, and watch calls cross')
    .option('--dir <dir>', 'directory for both nodes (default: a temporary one)')
    .addOption(
      new Option('--channel <kind>', 'what carries the packages')
        .choices(['link', 'directory', 'mixed'])
        .default('link'),
    )
    .addOption(
      new Option('--hsm <kind>', 'where the keys are; auto takes SoftHSM 2 if it is installed')
        .choices(['auto', 'softhsm', 'soft'])
        .default('auto'),
    )
    .option('--once', 'make the calls, then stop')
    .option('--json', 'print one JSON object, then stop')
    .option('--upstream <url>', 'put this API behind the inner node instead')
    .option('--openapi <file>', 'its OpenAPI document: a policy is made of it')
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const { upstream, openapi } = options;
  if ((upstream === undefined) !== (openapi === undefined)) {
    throw new SallyportError('USAGE', '--upstream and --openapi belong together');
  }
  const own =
    upstream !== undefined && openapi !== undefined ? readOwnApi(upstream, openapi) : undefined;
  const dir = resolve(options.dir ?? mkdtempSync(join(tmpdir(), 'sallyport-demo-')));
  const quiet = options.json === true;
  const say = (text: string): void => {
    if (!quiet) result(text);
  };
  say(paint('bold', `Sallyport demo in ${dir}`));
  for (const signal of stopSignals) process.once(signal, leave);
  const pair = await startPair({
    dir,
    channel: options.channel,
    hsm: options.hsm,
    say: (command) => say(paint('dim', `$ ${command}`)),
  });
  let scene: Scene | undefined;
  try {
    scene = own ? await ownApi(dir, pair, own, say) : await sampleApi(dir, pair);
    const answers = await callAll(pair, scene);
    const [outer, inner] = await settledEvents(pair, answers);
    const traced = answers.map((answer) => ({
      answer,
      hops: traceOf(answer.exchange, outer, inner),
    }));
    const ok = answers.every(({ status }) => status > 0 && status < 500);
    if (!ok) process.exitCode = exitCodes.failed;
    if (quiet) return printJson(pair, options.channel, ok, traced);
    for (const { answer, hops } of traced) say(`\n${callText(answer, hops)}`);
    if (scene.source) {
      say(`${paint('bold', 'The same record')}, at its source and as each consumer gets it:\n`);
      say(`${comparison(scene.source, readersOf(answers, scene))}\n`);
    }
    sayKeys(pair, options.channel, say);
    if (options.once !== true) sayCall(pair, scene, say);
    sayPackage(pair, say);
    if (options.once === true) return;
    sayStatus(pair, say);
    await untilStopped(say);
  } finally {
    await pair.stop();
    await scene?.close();
  }
}

async function callAll(pair: DemoPair, scene: Scene): Promise<DemoAnswer[]> {
  const answers: DemoAnswer[] = [];
  for (const call of scene.calls) {
    const key = scene.keys[call.consumer] ?? '';
    answers.push(await makeCall({ url: pair.url, caFile: pair.caFile, key }, call));
  }
  return answers;
}

/** Both audit logs, once the last answer and the report of every package are in them. */
async function settledEvents(pair: DemoPair, answers: readonly DemoAnswer[]) {
  const last = answers.at(-1)?.exchange;
  for (let tries = 0; ; tries += 1) {
    const outer = await eventsOf(pair.outer);
    const inner = await eventsOf(pair.inner);
    const ended = outer.some(({ exchangeId, event }) => exchangeId === last && endings.has(event));
    const settled = ended && allSent(outer) && allSent(inner);
    if (settled || tries === settleTriesMax) return [outer, inner] as const;
    await new Promise((done) => setTimeout(done, settlePollMs));
  }
}

function allSent(events: readonly AuditEvent[]): boolean {
  const packagesAt = (step: string) =>
    new Set(events.filter(({ event }) => event === step).map(({ packageId }) => packageId));
  return packagesAt('seal').isSubsetOf(packagesAt('send'));
}

const endings: ReadonlySet<string> = new Set(['deliver', 'refuse']);
const settleTriesMax = 40;
const settlePollMs = 50;

const readersOf = (answers: readonly DemoAnswer[], { sourcePath }: Scene) =>
  answers
    .filter(({ path, status }) => path === sourcePath && status === 200)
    .map(({ consumer, answer }) => ({ name: consumer, record: answer }));

function printJson(
  pair: DemoPair,
  channel: DemoChannel,
  ok: boolean,
  traced: readonly { answer: DemoAnswer; hops: readonly Hop[] }[],
): void {
  const calls = traced.map(({ answer: { answer, ...rest }, hops }) => ({
    ...rest,
    body: answer,
    journey: hops,
  }));
  resultJson({ ok, hsm: pair.hsm, channel, calls, packages: packagesOf(pair) });
}

type Say = (text: string) => void;

const carriedBy: Readonly<Record<DemoChannel, string>> = {
  link: 'links',
  directory: 'directories',
  mixed: 'a link to the inner node, a directory back',
};

function sayKeys({ hsm }: DemoPair, channel: DemoChannel, say: Say): void {
  const kept = hsm === 'softhsm' ? 'SoftHSM 2' : 'the soft keystore, which is no HSM';
  say(`${paint('bold', 'Keys')} in ${kept}; packages over ${carriedBy[channel]}.`);
}

/** Without a call that needs no parameter, the reader fills the path in. */
function sayCall({ caFile, url }: DemoPair, { calls, keys }: Scene, say: Say): void {
  const [call] = calls;
  const [consumer = ''] = call ? [call.consumer] : Object.keys(keys);
  const header = `-H 'Authorization: Bearer ${keys[consumer]}'`;
  say(`\n${paint('bold', 'Try it yourself:')}`);
  say(`  curl --cacert ${caFile} ${header} ${url}${call?.path ?? '/PATH'}`);
}

function sayPackage(pair: DemoPair, say: Say): void {
  const latest = packagesOf(pair).at(-1);
  if (latest === undefined) return;
  say(`\n${paint('bold', 'Look at what crossed')} (no key of ours is needed to verify it):`);
  say(`  bin/sallyport package verify --home ${pair.inner} ${latest}`);
  say(`  tar -xOf ${latest} manifest.p7m | openssl cms -verify -binary -inform DER \\`);
  say(`    -CAfile ${caOf(pair, latest)} -purpose any`);
}

function sayStatus({ outer, inner }: DemoPair, say: Say): void {
  say(`\n${paint('bold', 'And the nodes:')}`);
  for (const dir of [outer, inner]) say(`  bin/sallyport status --dir ${dir}`);
}

const caOf = (pair: DemoPair, file: string): string =>
  join(file.startsWith(pair.outer) ? pair.outer : pair.inner, 'certs', 'ca.pem');

const stopSignals = ['SIGINT', 'SIGTERM'] as const;

/** While the demo is at work there is nothing to end in order: the nodes end with this process. */
const leave = (): never => process.exit(exitCodes.failed);

function untilStopped(say: (text: string) => void): Promise<void> {
  return new Promise((done) => {
    for (const signal of stopSignals) process.off(signal, leave).once(signal, () => done());
    say(paint('dim', '\nBoth nodes stay up. Ctrl-C stops them.'));
  });
}
