/** A command line that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sallyport } from '../demo/command.ts';

const wrong: [args: string[], said: RegExp][] = [
  [['init'], /^sallyport: required option '--role <role>' not specified\nhint: add --help/],
  [['policy', 'check'], /^sallyport: missing required argument 'path'\nhint: add --help/],
  [['status', '--dir', 'x', '--jsn'], /^sallyport: unknown option '--jsn'\n.*hint: add --help/s],
  [
    ['policy', 'rollback', 'x', '--dir', 'x'],
    /^sallyport: expected a positive whole number, got x \[/,
  ],
  [
    ['policy', 'show', '--version', '1.5', '--dir', 'x'],
    /expected a positive whole number, got 1\.5/,
  ],
  [
    ['package', 'inspect', 'test'],
    /^sallyport: test is no file \[USAGE\]\nhint: see `sallyport package inspect --help`\n$/,
  ],
  [
    ['policy', 'explain', '--policy', 'x'],
    / or --consumer and --path \[USAGE\]\nhint: see `sallyport policy explain --help`/,
  ],
  [['policy', 'matrix'], / one of the two \[USAGE\]\nhint: see `sallyport policy matrix --help`/],
  [['plugin', 'list'], /one of the two \[USAGE\]\nhint: see `sallyport plugin list --help`/],
  [['--versoin'], /^sallyport: unknown option '--versoin'/],
  [['shwo'], /^sallyport: unknown command 'shwo'\n.*hint: add --help/s],
];

for (const [args, said] of wrong) {
  test(`sallyport ${args.join(' ')} says what is wrong, and where to look`, async () => {
    const { code, stdout, stderr } = await sallyport(...args);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, said);
  });
}

test('the version is told by the option that every program has, and by the verb', async () => {
  for (const asked of ['version', '--version', '-V']) {
    const { code, stdout } = await sallyport(asked);
    assert.equal(code, 0);
    assert.match(stdout, /^sallyport \d+\.\d+\.\d+ \(node v\d+\./);
  }
});
