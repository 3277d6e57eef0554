import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { makeHome } from '@sallyport/cli/init-home.ts';
import { homeDirs } from '@sallyport/shared/config/home.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { makeNode, type TestNode } from './homes.ts';

const initial = {
  role: 'inner',
  node: 'inner-1',
  edge: undefined,
  management: { host: '127.0.0.1', port: 9610 },
  send: { kind: 'directory', dir: '/srv/out' },
  receive: { kind: 'directory', dir: '/srv/in', convention: 'stable' },
  hsm: { kind: 'soft', file: 'keys/soft.keystore', pinFile: 'keys/pin' },
} as const;

let outer: TestNode;
before(async () => {
  outer = await makeNode('outer', 'outer-1');
});

test('a new home is for its owner only, and its config reads back', () => {
  const { dir, paths, config } = outer.home;
  const mode = (path: string): number => statSync(path).mode & 0o777;
  assert.equal(config.node, 'outer-1');
  for (const part of ['.', ...homeDirs]) assert.equal(mode(join(dir, part)), 0o700, part);
  for (const file of [paths.config, paths.pin, paths.keystore, paths.tlsKey('link')]) {
    assert.equal(mode(file), 0o600, file);
  }
  assert.ok(!existsSync(`${dir}.tmp`));
});

test('the certificates chain to the CA, and carry the keys of the HSM', async () => {
  const { home, hsm, labels, trust } = outer;
  const ca = new X509Certificate(trust.certificates.ca);
  for (const name of ['sign', 'decrypt', 'audit'] as const) {
    const certificate = new X509Certificate(trust.certificates[name]);
    assert.ok(certificate.checkIssued(ca) && certificate.verify(ca.publicKey), name);
    assert.equal(certificate.subject, `CN=outer-1 ${name}`);
    const point = certificate.publicKey.export({ format: 'raw-public', type: 'uncompressed' });
    assert.deepEqual(point, await hsm.publicKey(labels[name]));
  }
  const link = new X509Certificate(trust.certificates.link);
  assert.equal(link.checkHost('outer-1', { subject: 'default' }), 'outer-1');
  const edge = new X509Certificate(readFileSync(home.paths.tlsCertificate('edge')));
  assert.equal(edge.checkIP('127.0.0.1'), '127.0.0.1');
});

test('an existing home is refused and left as it is; an empty directory is taken', async () => {
  const dir = temporaryFolder();
  await makeHome(dir, initial);
  const before = readFileSync(join(dir, 'config.yaml'));
  await assert.rejects(makeHome(dir, initial), { code: 'HOME_EXISTS' });
  assert.deepEqual(readFileSync(join(dir, 'config.yaml')), before);
  assert.equal(readHome(dir).config.channel.receive.kind, 'directory');
});

test('an init that fails leaves nothing behind', async () => {
  const dir = join(temporaryFolder(), 'node');
  const module = join(temporaryFolder(), 'no-such-module.so');
  const pinFile = join(temporaryFolder(), 'pin');
  writeFileSync(pinFile, '1234\n', { mode: 0o600 });
  const hsm = { kind: 'pkcs11', module, tokenLabel: 'none', pinFile };
  await assert.rejects(makeHome(dir, { ...initial, hsm }), { code: 'HSM_MODULE' });
  const badNode = { ...initial, node: 'Not A Node' };
  await assert.rejects(makeHome(dir, badNode), { code: 'CONFIG_INVALID' });
  assert.ok(!existsSync(dir) && !existsSync(`${dir}.tmp`));
});

test('what an interrupted init left is not built upon', async () => {
  const dir = join(temporaryFolder(), 'node');
  mkdirSync(`${dir}.tmp`);
  await assert.rejects(makeHome(dir, initial), { code: 'HOME_EXISTS' });
  assert.ok(!existsSync(dir));
});

test('a directory without a config holds no node', () => {
  assert.throws(() => readHome(temporaryFolder()), { code: 'HOME_MISSING' });
});
