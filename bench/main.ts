/** `npm run bench -- <what> [--json]`: measured side by side with a baseline in the same run. */
import { parseArgs } from 'node:util';
import { benchExchange } from './exchange.ts';
import { writeResults } from './results.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    connections: { type: 'string', default: '1,16,64' },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    channel: { type: 'string', default: 'link' },
    hsm: { type: 'string', default: 'auto' },
  },
});

const what = positionals[0] ?? 'exchange';
if (what !== 'exchange') {
  process.stderr.write(`bench: expected exchange, got ${what}\n`);
  process.exit(2);
}
const channel = values.channel;
if (channel !== 'link' && channel !== 'directory' && channel !== 'mixed') {
  process.stderr.write(`bench: expected --channel link, directory or mixed, got ${channel}\n`);
  process.exit(2);
}
const { hsm } = values;
if (hsm !== 'auto' && hsm !== 'soft' && hsm !== 'softhsm') {
  process.stderr.write(`bench: expected --hsm auto, soft or softhsm, got ${hsm}\n`);
  process.exit(2);
}
const report = await benchExchange({
  connections: values.connections.split(',').map(Number),
  seconds: Number(values.seconds),
  rounds: Number(values.rounds),
  channel,
  hsm,
  say: (text) => process.stderr.write(`${text}\n`),
});
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
else process.stdout.write(writeResults(report));
