/** `npm run bench -- [options]`: measured side by side with a baseline in the same run. */
import { parseArgs } from 'node:util';
import { benchExchange } from './exchange.ts';
import { writeResults } from './results.ts';

const usage = `Usage: npm run bench -- [exchange] [options]

Exchanges per second of a pair of nodes, beside a bare reverse proxy to the same service.

  --connections <list>  callers at a time, one measurement each (default 1,16,64)
  --seconds <count>     length of a measurement (default 4)
  --rounds <count>      measurements of which the median is reported (default 3)
  --channel <kind>      link (default), directory or mixed
  --hsm <kind>          softhsm, soft, or auto (default: SoftHSM 2 if it is installed)
  --json                print JSON instead of a table
  --help                print this
`;

const options = readOptions();
if (options.help) {
  process.stdout.write(usage);
} else {
  const report = await benchExchange({
    connections: options.connections.split(',').map((one) => count('connections', one)),
    seconds: count('seconds', options.seconds),
    rounds: count('rounds', options.rounds),
    channel: oneOf('channel', options.channel, ['link', 'directory', 'mixed']),
    hsm: oneOf('hsm', options.hsm, ['auto', 'soft', 'softhsm']),
    say: (text) => process.stderr.write(`${text}\n`),
  });
  process.stdout.write(
    options.json ? `${JSON.stringify(report, null, 2)}\n` : writeResults(report),
  );
}

function readOptions() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        connections: { type: 'string', default: '1,16,64' },
        seconds: { type: 'string', default: '4' },
        rounds: { type: 'string', default: '3' },
        channel: { type: 'string', default: 'link' },
        hsm: { type: 'string', default: 'auto' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
    if (positionals.length > 0) oneOf('what to measure', positionals.join(' '), ['exchange']);
    return values;
  } catch (thrown) {
    return refuse(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function count(name: string, text: string): number {
  return /^[1-9]\d{0,5}$/.test(text)
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
