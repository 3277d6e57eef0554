/** `npm run bench -- <what> [options]`: measured side by side with a baseline in the same run. */
import { parseArgs } from 'node:util';
import { benchDecide } from './decide.ts';
import { decideSection } from './decide-section.ts';
import { benchDetect } from './detect.ts';
import { detectSection } from './detect-section.ts';
import { benchExchange } from './exchange.ts';
import { exchangeSection } from './exchange-section.ts';
import { benchMask } from './mask.ts';
import { benchPackage } from './package.ts';
import { benchPlugins } from './plugins.ts';
import { pluginsSection } from './plugins-section.ts';
import { type BenchName, writeResults } from './results.ts';
import { maskSection, packageSection } from './sections.ts';

const usage = `Usage: npm run bench -- [exchange | mask | package | detect | decide | plugins] [options]

exchange: exchanges per second of a pair of nodes, beside a bare reverse proxy to the same service, and
beside pairs with batches of one, with the other channel and with the other keys. About ten minutes.

  --quick               one round with 256 callers and one with 1: two minutes; RESULTS.md stays as it is
  --connections <list>  callers at a time, one measurement each (default 1,16,64,256)
  --seconds <count>     length of a measurement (default 3)
  --rounds <count>      measurements of which the median is reported (default 3)
  --channel <kind>      link (default), directory or mixed
  --hsm <kind>          softhsm, soft, or auto (default: SoftHSM 2 if it is installed)

mask: MB/s of answers parsed, masked and written, beside JSON.parse and JSON.stringify.

  --seconds <count>     length of a measurement (default 1)
  --rounds <count>      measurements of which the median is reported (default 5)

package: MB/s sealed into a file and opened from it, beside bare AES-256-GCM and SHA-256.

  --bytes <count>       size of the message (default 1073741824)
  --rounds <count>      measurements of which the median is reported (default 3)

detect: precision and recall of the detectors on a seeded corpus with look-alikes and evasions.

  --each <count>        values of each kind, and as many look-alikes as of all (default 1000)
  --seed <number>       another corpus (default 1)

decide: CPU of one decision by credential: authenticate, route, grant, limits.

  --calls <count>       calls in one measurement (default 20000)
  --rounds <count>      measurements of which the median is reported (default 5)

plugins: CPU of one question to a plug-in of each kind, in the process that asks and in theirs.

  --calls <count>       questions in one measurement (default 5000)
  --rounds <count>      measurements of which the median is reported (default 5)

All of them:

  --json                print JSON instead of a table, and leave RESULTS.md as it is
  --help                print this
`;

interface Outcome {
  readonly report: object;
  readonly lines: readonly string[];
}

const benches: Readonly<Record<BenchName, (args: string[], isQuick: boolean) => Promise<Outcome>>> =
  {
    exchange: runExchange,
    mask: runMask,
    package: runPackage,
    detect: runDetect,
    decide: runDecide,
    plugins: runPlugins,
  };

const given = process.argv.slice(2);
if (given.includes('--help') || given.includes('-h')) {
  process.stdout.write(usage);
} else {
  const [first = '', ...rest] = given;
  const isNamed = first !== '' && !first.startsWith('-');
  const names = Object.keys(benches) as BenchName[];
  const name = isNamed ? oneOf('what to measure', first, names) : 'exchange';
  const args = isNamed ? rest : given;
  const isJson = args.includes('--json');
  const isQuick = name === 'exchange' && args.includes('--quick');
  const options = args.filter((arg) => arg !== '--json' && !(isQuick && arg === '--quick'));
  const { report, lines } = await benches[name](options, isQuick);
  if (isJson) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(isQuick ? `${lines.join('\n')}\n` : writeResults(name, lines));
}

async function runExchange(args: string[], isQuick: boolean): Promise<Outcome> {
  const options = read(args, {
    connections: isQuick ? '256,1' : '1,16,64,256',
    seconds: '3',
    rounds: isQuick ? '1' : '3',
    channel: 'link',
    hsm: 'auto',
  });
  const report = await benchExchange({
    connections: options.connections.split(',').map((one) => count('connections', one)),
    seconds: count('seconds', options.seconds),
    rounds: count('rounds', options.rounds),
    channel: oneOf('channel', options.channel, ['link', 'directory', 'mixed']),
    hsm: oneOf('hsm', options.hsm, ['auto', 'soft', 'softhsm']),
    compare: !isQuick,
    say,
  });
  return { report, lines: exchangeSection(report) };
}

async function runMask(args: string[]): Promise<Outcome> {
  const options = read(args, { seconds: '1', rounds: '5' });
  const report = benchMask({
    seconds: count('seconds', options.seconds),
    rounds: count('rounds', options.rounds),
    say,
  });
  return { report, lines: maskSection(report) };
}

async function runPackage(args: string[]): Promise<Outcome> {
  const options = read(args, { bytes: String(2 ** 30), rounds: '3' });
  const report = await benchPackage({
    bytes: count('bytes', options.bytes),
    rounds: count('rounds', options.rounds),
    say,
  });
  return { report, lines: packageSection(report) };
}

async function runDetect(args: string[]): Promise<Outcome> {
  const options = read(args, { each: '1000', seed: '1' });
  const report = benchDetect({
    each: count('each', options.each),
    seed: count('seed', options.seed),
  });
  return { report, lines: detectSection(report) };
}

async function runDecide(args: string[]): Promise<Outcome> {
  const options = read(args, { calls: '20000', rounds: '5' });
  const report = benchDecide({
    calls: count('calls', options.calls),
    rounds: count('rounds', options.rounds),
    say,
  });
  return { report, lines: decideSection(report) };
}

async function runPlugins(args: string[]): Promise<Outcome> {
  const options = read(args, { calls: '5000', rounds: '5' });
  const report = await benchPlugins({
    calls: count('calls', options.calls),
    rounds: count('rounds', options.rounds),
    say,
  });
  return { report, lines: pluginsSection(report) };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The options that a bench has, and no others; each has a default. */
function read<Name extends string>(
  args: string[],
  defaults: Readonly<Record<Name, string>>,
): Record<Name, string> {
  const options = Object.fromEntries(
    Object.keys(defaults).map((name) => [name, { type: 'string' as const }]),
  );
  try {
    return { ...defaults, ...parseArgs({ args, options }).values };
  } catch (thrown) {
    return refuse(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function count(name: string, text: string): number {
  return /^[1-9]\d{0,11}$/.test(text)
    ? Number(text)
    : refuse(`${name}: expected a number from 1 on, got ${text}`);
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text);
  return found ?? refuse(`${name}: expected ${allowed.join(' or ')}, got ${text}`);
}

function refuse(message: string): never {
  process.stderr.write(`bench: ${message}\nhint: npm run bench -- --help\n`);
  process.exit(2);
}
