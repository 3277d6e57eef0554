/** The TLS files of a home: missing, unreadable or mixed up, they are faults of the configuration. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { HomePaths } from '@sallyport/shared/config/home.ts';
import { readTlsIdentity, readUpstreamCa } from '@sallyport/shared/config/tls-files.ts';
import { makeNode } from '../pairing/homes.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let paths: HomePaths;
before(async () => {
  paths = (await makeNode('outer', 'outer-1')).home.paths;
});

const refused = (read: () => unknown, names: string): void =>
  assert.throws(read, (thrown: { code?: string; message: string; hint?: string }) => {
    assert.equal(thrown.code, 'CONFIG_INVALID');
    assert.ok(thrown.message.includes(names), thrown.message);
    assert.ok(thrown.hint);
    return true;
  });

test('a key and its certificate are read', () => {
  for (const use of ['edge', 'link'] as const) {
    const { key, cert } = readTlsIdentity(paths, use);
    assert.match(key, /PRIVATE KEY/);
    assert.match(cert, /BEGIN CERTIFICATE/);
  }
});

test('a file that is missing, no file, or no PEM is named', () => {
  for (const use of ['edge', 'link'] as const) {
    for (const path of [paths.tlsKey(use), paths.tlsCertificate(use)]) {
      renameSync(path, `${path}.away`);
      refused(() => readTlsIdentity(paths, use), `${path}, got ENOENT`);
      mkdirSync(path);
      refused(() => readTlsIdentity(paths, use), `${path}, got EISDIR`);
      rmSync(path, { recursive: true });
      writeFileSync(path, 'not PEM');
      refused(() => readTlsIdentity(paths, use), path);
      renameSync(`${path}.away`, path);
    }
  }
});

test('the certificate of another key is refused', () => {
  const [own, other] = [paths.tlsCertificate('edge'), paths.tlsCertificate('link')];
  copyFileSync(own, `${own}.away`);
  copyFileSync(other, own);
  refused(() => readTlsIdentity(paths, 'edge'), own);
  renameSync(`${own}.away`, own);
});

test('certificates of upstreams are read, and named where they are not there', () => {
  const file = join(temporaryFolder(), 'ca.pem');
  refused(() => readUpstreamCa(file), `${file}, got ENOENT`);
  writeFileSync(file, 'not PEM');
  refused(() => readUpstreamCa(file), file);
  copyFileSync(paths.certificate('ca'), file);
  assert.match(readUpstreamCa(file), /BEGIN CERTIFICATE/);
});
