/** The command line of the benchmarks; what they measure is not tested here. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

function bench(...args: string[]) {
  const program = join(import.meta.dirname, '../../bench/main.ts');
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 60_000 });
}

test('--help prints how it is used and measures nothing', () => {
  const { status, stdout, stderr } = bench('--help');
  assert.deepEqual([status, stderr], [0, '']);
  for (const name of [
    'quick',
    'connections',
    'seconds',
    'rounds',
    'channel',
    'hsm',
    'bytes',
    'json',
  ]) {
    assert.ok(stdout.includes(`--${name} `), name);
  }
});

const wrong: [args: string[], said: RegExp][] = [
  [['--fast'], /^bench: Unknown option '--fast'/],
  [['sealing'], /^bench: what to measure: expected exchange or mask or package.*, got sealing\n/],
  [['mask', '--quick'], /^bench: Unknown option '--quick'/],
  [['mask', '--hsm', 'soft'], /^bench: Unknown option '--hsm'/],
  [['package', '--bytes', '0'], /^bench: bytes: expected a number from 1 on, got 0\n/],
  [['mask', 'package'], /^bench: Unexpected argument 'package'/],
  [['--channel', 'radio'], /^bench: channel: expected link or directory or mixed, got radio\n/],
  [['--hsm', 'none'], /^bench: hsm: expected auto or soft or softhsm, got none\n/],
  [['--seconds', 'two'], /^bench: seconds: expected a number from 1 on, got two\n/],
  [['--connections', '1,,2'], /^bench: connections: expected a number from 1 on, got \n/],
];

for (const [args, said] of wrong) {
  test(`bench ${args.join(' ')} says what is wrong, and where to look`, () => {
    const { status, stdout, stderr } = bench(...args);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, said);
    assert.match(stderr, /\nhint: npm run bench -- --help\n$/);
  });
}
