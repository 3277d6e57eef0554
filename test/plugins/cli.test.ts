/** The command line with plug-ins: tried before use, and in every verb that shows what a policy does. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sallyport } from '../demo/command.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { calm, makeFolder, writePolicy } from './vehicles.ts';

const dir = temporaryFolder();
const folder = join(dir, 'plugins');
const digests = makeFolder(folder);
const policy = writePolicy(join(dir, 'policy'), digests);
const onPolicy = ['--policy', policy, '--plugins', folder, '--consumer', 'tax'];

test('check says what a file is, and fails where an example does', async () => {
  const { code, stdout } = await sallyport('plugin', 'check', join(folder, 'vin.ts'));
  assert.equal(code, 0);
  assert.equal(stdout.trim(), `- { name: vin, kind: detector, digest: ${digests.vin} }`);
  const bad = join(dir, 'bad.ts');
  const text = readFileSync(join(folder, 'vin.ts'), 'utf8');
  writeFileSync(
    bad,
    text.replace("text: '1M8GDM9A1KP042788', gives: []", "text: 'x', gives: [[0, 1]]"),
  );
  chmodSync(bad, 0o600);
  const failed = await sallyport('plugin', 'check', bad);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /bad\.ts: example \d: expected \[\[0,1\]\], got \[\]/);
});

test('a file that others may write, and a folder that is not there, are refused', async () => {
  const open = join(dir, 'open.js');
  writeFileSync(open, 'export default {};');
  chmodSync(open, 0o666);
  assert.match((await sallyport('plugin', 'check', open)).stderr, /PLUGIN_REFUSED/);
  assert.match((await sallyport('plugin', 'list', join(dir, 'none'))).stderr, /PLUGIN_MISSING/);
});

test('policy check tries the plug-ins of a policy, and tells each that cannot be used', async () => {
  const good = await sallyport('policy', 'check', policy, '--plugins', folder);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /^ok: 1 service,/);
  const wrong = {
    ...digests,
    vin: digests['postal-area'],
    'postal-area': '0'.repeat(64),
  };
  const other = writePolicy(join(dir, 'wrong'), wrong);
  const bad = await sallyport('policy', 'check', other, '--plugins', folder);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /plug-in vin: expected a detector, got a transform/);
  assert.match(bad.stderr, /plug-in area: expected a file of digest 0{64}, got none/);
  assert.match((await sallyport('policy', 'check', policy)).stderr, /were not tried/);
});

test('mask try and mask run mask by plug-ins, and refuse without their folder', async () => {
  const vin = { ...calm, remark: 'LSVAA4182E2184847' };
  writeFileSync(join(dir, 'one.json'), JSON.stringify(vin));
  const route = ['--route', 'vehicles/get'];
  const tried = await sallyport('mask', 'try', ...onPolicy, ...route, join(dir, 'one.json'));
  assert.equal(tried.code, 0, tried.stderr);
  assert.match(tried.stdout, /"110013" → "110\*\*\*"/);
  assert.match(tried.stderr, /detect vin \$\.remark: 1/);

  const lines = Array.from({ length: 1200 }, (_, at) =>
    JSON.stringify({ ...vin, postcode: String(110_000 + at) }),
  );
  writeFileSync(join(dir, 'all.ndjson'), lines.join('\n'));
  const files = [join(dir, 'all.ndjson'), join(dir, 'out.ndjson')];
  const ran = await sallyport('mask', 'run', ...onPolicy, ...route, ...files);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /plugin:area \$\.postcode: 1200/);
  const out = readFileSync(join(dir, 'out.ndjson'), 'utf8').trim().split('\n');
  assert.deepEqual(JSON.parse(out[1199] ?? ''), { ...calm, postcode: '111***', remark: '***' });

  const wrong = { ...calm, owner: { ...calm.owner, birthDate: '1979-12-16' } };
  writeFileSync(join(dir, 'wrong.json'), JSON.stringify(wrong));
  const refused = await sallyport('mask', 'try', ...onPolicy, ...route, join(dir, 'wrong.json'));
  assert.match(refused.stderr, /births\/birth-date \[RESPONSE_REFUSED\]/);
  const without = ['--policy', policy, '--consumer', 'tax', ...route];
  const alone = await sallyport('mask', 'try', ...without, join(dir, 'one.json'));
  assert.match(alone.stderr, /PLUGIN_MISSING/);
});

test('explain answers a condition by its plug-in, and says so where it cannot', async () => {
  const asked = ['--path', '/vehicles/v-1'];
  const open = await sallyport('policy', 'explain', ...onPolicy, ...asked);
  assert.match(open.stdout, /allowed/);
  assert.match(open.stdout, /plugin:area/);
  const shut = await sallyport('policy', 'explain', ...onPolicy, '--path', '/shut/x');
  assert.match(shut.stdout, /CONDITION_UNMET/);
  const without = ['--policy', policy, '--consumer', 'tax', ...asked];
  const unknown = await sallyport('policy', 'explain', ...without);
  assert.match(unknown.stdout, /no answer without plug-in open-days/);
});

test('the matrix shows which fields a plug-in masks', async () => {
  const { stdout } = await sallyport('policy', 'matrix', '--policy', policy, '--format', 'csv');
  assert.match(stdout, /postcode.*plugin:area/);
});
