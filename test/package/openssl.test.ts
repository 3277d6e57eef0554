/** What docs/spec/package.md §By hand promises: stock tar and openssl take a package apart. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';
import { requestMessage, seal, sealOptions, vectorsDir } from './parties.ts';

const dir = temporaryFolder();
const run = (program: string, ...args: string[]): Buffer =>
  execFileSync(program, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
const key = (name: string): string => join(vectorsDir, 'parties', name);

const messages = [requestMessage(1500, 1), requestMessage(700, 2)];
const sealed = await seal(messages, { segmentBytes: 1024 });
writeFileSync(join(dir, 'package.stp'), sealed.bytes);
run('tar', '-xf', 'package.stp');

const decryptKeys = [
  ['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', 'keys.p7m', '-inkey'],
  [key('receiver.key.pem'), '-recip', key('receiver.pem')],
].flat();

test('tar lists exactly the entries of the package', () => {
  const names = run('tar', '-tf', 'package.stp').toString().trim().split('\n');
  const segments = [0, 1, 2].map((index) => `seg/0000000${index}.p7m`);
  assert.deepEqual(names, ['manifest.p7m', 'keys.p7m', ...segments]);
});

test('openssl verifies the manifest against the CA', () => {
  const content = run(
    'openssl',
    ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', 'manifest.p7m'],
    ...['-CAfile', key('ca.pem'), '-purpose', 'any'],
  );
  assert.equal(JSON.parse(content.toString()).messageRoot, sealed.messageRoot);
});

test('openssl opens keys and segments with the receiver key, and they are the messages', () => {
  const kek = run('openssl', ...decryptKeys);
  assert.equal(kek.length, 32);
  const plain = [0, 1, 2].map((index) => {
    const last = index === 2 ? '01' : '00';
    const id = `${sealOptions.manifest.packageId}${index.toString(16).padStart(16, '0')}${last}`;
    const info = Buffer.from('sallyport/seg/v1').toString('hex') + id;
    const segmentKek = run(
      'openssl',
      ...['kdf', '-keylen', '32', '-binary', '-kdfopt', 'digest:SHA256'],
      ...['-kdfopt', `hexkey:${kek.toString('hex')}`, '-kdfopt', `hexinfo:${info}`, 'HKDF'],
    );
    return run(
      'openssl',
      ...['cms', '-decrypt', '-binary', '-inform', 'DER', '-in', `seg/0000000${index}.p7m`],
      ...['-secretkey', segmentKek.toString('hex'), '-secretkeyid', id],
    );
  });
  const frames = messages.flatMap(({ head, body }, index) => [
    sealed.salts[index] ?? Buffer.alloc(0),
    head,
    body,
  ]);
  assert.deepEqual(Buffer.concat(plain), Buffer.concat(frames));
});

test('openssl refuses a manifest of which one bit was flipped', () => {
  const changed = readFileSync(join(dir, 'manifest.p7m'));
  const at = changed.indexOf('contentBytes');
  changed[at] = (changed[at] ?? 0) ^ 1;
  writeFileSync(join(dir, 'changed.p7m'), changed);
  assert.throws(() =>
    run(
      'openssl',
      ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', 'changed.p7m'],
      ...['-CAfile', key('ca.pem'), '-purpose', 'any'],
    ),
  );
});
