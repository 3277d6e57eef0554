/** docs/operating/faults.md: its metrics, checks, codes, and what it shows of a node in trouble. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DemoPair, startPair } from '@sallyport/cli/demo/pair.ts';
import { processNames } from '@sallyport/shared/config/home.ts';
import { errorTable } from '@sallyport/shared/errors.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

const root = join(import.meta.dirname, '../..');
/** Patience for a machine that is busy with other tests. */
const waitMs = 60_000;
const page = readFileSync(join(root, 'docs/operating/faults.md'), 'utf8');

test('every code of the page is a code of the error table', () => {
  const shapes = /\b(?:HSM|CHANNEL|POLICY|STORE|PEER|UPSTREAM|LANE|AUDIT|HOME|NODE)_[A-Z_]+\b/g;
  const codes = new Set([...page.matchAll(shapes)].map(([code]) => code));
  codes.delete('UPSTREAM_');
  assert.ok(codes.size > 15);
  for (const code of codes) assert.ok(Object.hasOwn(errorTable, code), code);
});

test('a pair without a policy, then with a stopped inner node, is shown as the page says', async (t) => {
  const pair = await startPair({
    dir: temporaryFolder(),
    channel: 'link',
    hsm: 'soft',
    say: () => {},
  });
  t.after(() => pair.stop());
  const [outerUrl] = pair.managementUrls;

  await t.test('the metrics of a node are those of the page', async () => {
    const listed = [...page.matchAll(/^\| `(sallyport_\w+)` \|/gm)].map(([, name = '']) => name);
    for (const url of pair.managementUrls) {
      let text = '';
      const allUp = /(?:^sallyport_process_up\{.*\} 1\n){5}/m;
      await until(async () => {
        text = await (await fetch(`${url}/metrics`)).text();
        return allUp.test(text);
      }, waitMs);
      const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
      const own = names.filter((name) => !/^(process|nodejs)_/.test(name));
      assert.deepEqual(own.toSorted(), listed.toSorted());
      for (const name of processNames) {
        assert.ok(text.includes(`\nprocess_cpu_seconds_total{process="${name}"} `), name);
      }
    }
  });

  await t.test('the checks of readiness are those of the page', async () => {
    const { checks } = (await (await fetch(`${outerUrl}/readyz`)).json()) as { checks: object };
    const part = page.slice(page.indexOf('| check |'), page.indexOf('## No policy'));
    const listed = [...part.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(Object.keys(checks), listed);
  });

  await t.test('no policy', async () => {
    await until(async () => (await firstLine(pair)).endsWith('● not ready: policy'), waitMs);
    assert.match(await statusOf(pair), /^policy {5}none$/m);
  });

  await t.test('a channel is down', async () => {
    const { supervisor } = JSON.parse(
      readFileSync(join(pair.inner, 'run/processes.json'), 'utf8'),
    ) as { supervisor: number };
    process.kill(supervisor, 'SIGTERM');
    const line =
      /import +outer-1 → inner-1 +link \S+ +down .*CHANNEL_LOST: expected a link to \S+, got ECONN/;
    await until(async () => line.test(await statusOf(pair)), waitMs);
    assert.match(page, line);
    assert.match(await firstLine(pair), /not ready: .*channel/);
  });
});

const statusOf = (pair: DemoPair): Promise<string> => pair.sallyport('status', '--dir', pair.outer);

const firstLine = async (pair: DemoPair): Promise<string> =>
  (await statusOf(pair)).split('\n')[0] ?? '';
