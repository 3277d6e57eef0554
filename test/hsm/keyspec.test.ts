import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { applyKeyspec, labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import { createPinFile } from '@sallyport/hsm/pin.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const path = join(import.meta.dirname, '../../installer/keyspecs/node.keyspec.json');
const text = readFileSync(path, 'utf8');
const invalid = { code: 'KEYSPEC_INVALID' };

test('the default keyspec declares the four keys of a node', () => {
  const keyspec = parseKeyspec(text, 'outer-1');
  assert.deepEqual(labelsOf(keyspec), {
    ca: 'sallyport-outer-1-ca',
    sign: 'sallyport-outer-1-sign',
    decrypt: 'sallyport-outer-1-decrypt',
    audit: 'sallyport-outer-1-audit',
  });
  assert.deepEqual(
    keyspec.keys.map((key) => `${key.name} ${key.use}`),
    ['ca sign', 'sign sign', 'decrypt derive', 'audit sign'],
  );
});

test('applying a keyspec makes what is missing, once', async () => {
  const directory = temporaryFolder();
  const pinFile = join(directory, 'pin');
  createPinFile(pinFile);
  const config = { kind: 'soft', file: join(directory, 'soft.keystore'), pinFile } as const;
  await createSoftKeystore(config);
  const hsm = await openHsm(config);
  const keyspec = parseKeyspec(text, 'outer-1');
  const labels = labelsOf(keyspec);
  await hsm.generateKeyPair(labels.audit, 'sign');
  const actions = async () => (await applyKeyspec(hsm, keyspec)).map((key) => key.action);
  assert.deepEqual(await actions(), ['generated', 'generated', 'generated', 'present']);
  const point = await hsm.publicKey(labels.sign);
  assert.deepEqual(await actions(), ['present', 'present', 'present', 'present']);
  assert.deepEqual(await hsm.publicKey(labels.sign), point);

  const other = parseKeyspec(text, 'inner-1');
  await hsm.generateKeyPair(labelsOf(other).decrypt, 'sign');
  await assert.rejects(applyKeyspec(hsm, other), { code: 'HSM_KEY' });
  await hsm.close();
});

test('every fault of a keyspec is reported at once', () => {
  const key = { label: 'k-{node}', name: 'sign', use: 'sign', curve: 'P-256' };
  const shape = { version: 2, extra: true, keys: [{ ...key, curve: 'P-384', pin: '1' }] };
  assert.throws(() => parseKeyspec(JSON.stringify(shape), 'outer-1'), {
    ...invalid,
    message: /version:.*keys\.0\.curve:.*extra/s,
  });
  const keys = [
    key,
    { ...key, name: 'audit', use: 'derive' },
    { ...key, name: 'ca', label: '{site}' },
  ];
  assert.throws(() => parseKeyspec(JSON.stringify({ version: 1, keys }), 'outer-1'), {
    ...invalid,
    message: /one key named decrypt.*keys\.1\.use.*keys\.1\.label.*keys\.2\.label/s,
  });
});

test('what is no keyspec is refused', () => {
  for (const bad of ['', '[]', '{', 'null', `{"version":1,"keys":${'['.repeat(100)}`]) {
    assert.throws(() => parseKeyspec(bad, 'outer-1'), invalid);
  }
  const big = text + ' '.repeat(limits.keyspecBytesMax);
  assert.throws(() => parseKeyspec(big, 'outer-1'), invalid);
  for (const node of ['', 'Outer', '../x', 'a'.repeat(64)]) {
    assert.throws(() => parseKeyspec(text, node), invalid);
  }
});
