import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  credentialsFile,
  issueConsumerKey,
  readCredentials,
  revokeConsumerKey,
} from '@sallyport/inner-node/policy/credentials.ts';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { checkPolicy, formatFault } from '@sallyport/shared/policy/check.ts';
import { noCredentials } from '@sallyport/shared/policy/model.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { policyText, sourceOf } from './fixture.ts';

const root = temporaryFolder();

let folders = 0;
/** The fixture in a folder of its own, with one text replaced. */
function written(from = '', to = ''): string {
  folders += 1;
  const folder = join(root, String(folders));
  for (const [name, file] of Object.entries(sourceOf().schemas)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if ('text' in file) writeFileSync(join(folder, name), file.text);
  }
  writeFileSync(join(folder, 'policy.yaml'), policyText.replace(from, to));
  return folder;
}

test('a folder or its policy.yaml is read with the schemas that it names', async () => {
  const folder = written();
  const source = await readPolicyFiles(folder);
  assert.deepEqual(await readPolicyFiles(join(folder, 'policy.yaml')), source);
  assert.deepEqual(checkPolicy(source).faults, []);
});

test('no policy is an error, not an empty policy', async () => {
  await assert.rejects(readPolicyFiles(join(root, 'none')), { code: 'POLICY_INVALID' });
  await assert.rejects(readPolicyFiles(root), { code: 'POLICY_INVALID' });
});

async function faultsOf(folder: string): Promise<string> {
  return checkPolicy(await readPolicyFiles(folder))
    .faults.map(formatFault)
    .join('\n');
}

test('no file outside the folder of the policy is read', async () => {
  writeFileSync(join(root, 'outside.json'), '{"type":"null"}');
  for (const name of [
    '../outside.json',
    join(root, 'outside.json'),
    'schemas/../../outside.json',
    'schemas/link.json',
    '..\\outside.json',
  ]) {
    const folder = written('schemas/list-query.json', name);
    symlinkSync(join(root, 'outside.json'), join(folder, 'schemas/link.json'));
    assert.match(await faultsOf(folder), /expected a file in the folder of the policy/, name);
  }
});

test('a schema file that is missing, too large or no text is a fault of the policy', async () => {
  assert.match(
    await faultsOf(written('schemas/list-query.json', 'schemas/none.json')),
    /expected a schema file, got none/,
  );
  const large = written();
  writeFileSync(join(large, 'schemas/citizen.json'), ' '.repeat(2 ** 20 + 1));
  assert.match(await faultsOf(large), /expected at most 1048576 bytes/);
  const binary = written();
  writeFileSync(join(binary, 'schemas/citizen.json'), Buffer.of(0xff, 0xfe));
  assert.match(await faultsOf(binary), /UTF-8/);
  const folder = written('schemas/list-query.json', 'schemas');
  assert.match(await faultsOf(folder), /expected a readable file/);
});

test('a node without issued keys has none', async () => {
  assert.deepEqual(await readCredentials(join(root, 'fresh')), noCredentials);
});

test('issued keys are remembered as hashes, for the owner of the node alone', async () => {
  const dir = join(root, 'node');
  const first = await issueConsumerKey(dir, { consumer: 'tax-bureau', nowMs: 1 });
  const second = await issueConsumerKey(dir, { consumer: 'tax-bureau', nowMs: 2, expiresAtMs: 9 });
  const held = await readCredentials(dir);
  assert.deepEqual(held.keys, [first.record, second.record]);
  assert.equal(Buffer.from(held.hashKey, 'base64url').length, 32);
  assert.equal(statSync(credentialsFile(dir)).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dirname(credentialsFile(dir))), ['credentials.json']);
  const text = readFileSync(credentialsFile(dir), 'utf8');
  assert.ok(!text.includes(first.key.slice(16)) && !text.includes(second.key.slice(16)));
});

test('a revoked key is forgotten, the others stay', async () => {
  const dir = join(root, 'revoke');
  const first = await issueConsumerKey(dir, { consumer: 'a', nowMs: 1 });
  const second = await issueConsumerKey(dir, { consumer: 'a', nowMs: 1 });
  assert.equal(await revokeConsumerKey(dir, first.record.id), true);
  assert.equal(await revokeConsumerKey(dir, first.record.id), false);
  assert.deepEqual((await readCredentials(dir)).keys, [second.record]);
});

test('a damaged file of keys is an error, never an empty list', async () => {
  const dir = join(root, 'damaged');
  await issueConsumerKey(dir, { consumer: 'a', nowMs: 1 });
  const whole = readFileSync(credentialsFile(dir), 'utf8');
  for (const text of ['', '{', '{}', whole.slice(0, -10), whole.replace('"type"', '"kind"')]) {
    writeFileSync(credentialsFile(dir), text);
    await assert.rejects(readCredentials(dir), { code: 'POLICY_INVALID' });
    await assert.rejects(issueConsumerKey(dir, { consumer: 'a', nowMs: 1 }), {
      code: 'POLICY_INVALID',
    });
  }
});
