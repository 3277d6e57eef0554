import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, test } from 'node:test';
import { openHsm } from '@sallyport/hsm/open.ts';
import { createPinFile, readPin } from '@sallyport/hsm/pin.ts';
import { createSoftKeystore, type SoftConfig } from '@sallyport/hsm/soft/keystore.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let directory: string;
let config: SoftConfig;
beforeEach(() => {
  directory = temporaryFolder();
  config = { kind: 'soft', file: join(directory, 'keystore'), pinFile: join(directory, 'pin') };
  createPinFile(config.pinFile);
});

/** Changes the file and puts the checksum right again, as somebody would on purpose. */
function alter(change: (content: Buffer) => Buffer): void {
  const content = change(readFileSync(config.file).subarray(0, -32));
  const checksum = createHash('sha256').update(content).digest();
  writeFileSync(config.file, Buffer.concat([content, checksum]));
}

describe('the keystore file', () => {
  test('is private, says what it is in its first line, and shows no label and no key', async () => {
    await createSoftKeystore(config);
    const hsm = await openHsm(config);
    await hsm.generateKeyPair('hidden-label', 'sign');
    const bytes = readFileSync(config.file);
    assert.equal(statSync(config.file).mode & 0o777, 0o600);
    const header = JSON.parse(bytes.toString('utf8', 0, bytes.indexOf(0x0a)));
    assert.equal(header.format, 'sallyport-keystore');
    assert.deepEqual(
      { ...header.kdf, salt: '' },
      {
        name: 'argon2id',
        memoryKib: 65_536,
        passes: 3,
        parallelism: 1,
        salt: '',
      },
    );
    assert.ok(!bytes.includes('hidden-label'));
    assert.deepEqual(readdirSync(directory).sort(), ['keystore', 'pin']);
    const again = await openHsm(config);
    assert.deepEqual(await again.publicKey('hidden-label'), await hsm.publicKey('hidden-label'));
  });

  test('has a new nonce in each write', async () => {
    await createSoftKeystore(config);
    const hsm = await openHsm(config);
    const nonces = new Set<string>();
    for (let index = 0; index < 5; index += 1) {
      await hsm.generateKeyPair(`key-${index}`, 'sign');
      nonces.add(JSON.parse(readFileSync(config.file, 'latin1').split('\n')[0] ?? '').nonce);
    }
    assert.equal(nonces.size, 5);
  });

  test('is never overwritten by another init, and missing is HSM_TOKEN', async () => {
    await assert.rejects(openHsm(config), { code: 'HSM_TOKEN' });
    await createSoftKeystore(config);
    const before = readFileSync(config.file);
    await assert.rejects(createSoftKeystore(config), { code: 'HSM_TOKEN' });
    assert.deepEqual(readFileSync(config.file), before);
  });

  test('that was damaged or cut is KEYSTORE_DAMAGED, wherever', async () => {
    await createSoftKeystore(config);
    const whole = readFileSync(config.file);
    for (let at = 0; at < whole.length; at += 7) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(at) ^ 0x10, at);
      writeFileSync(config.file, flipped);
      await assert.rejects(openHsm(config), { code: 'KEYSTORE_DAMAGED' }, `byte ${at}`);
    }
    for (const length of [0, 1, 32, 60, whole.length - 1]) {
      writeFileSync(config.file, whole);
      truncateSync(config.file, length);
      await assert.rejects(openHsm(config), { code: 'KEYSTORE_DAMAGED' }, `cut to ${length}`);
    }
    writeFileSync(config.file, randomBytes(1024 * 1024));
    await assert.rejects(openHsm(config), { code: 'KEYSTORE_DAMAGED' });
    writeFileSync(config.file, whole);
    await (await openHsm(config)).close();
  });

  test('that was altered with a right checksum does not open', async () => {
    await createSoftKeystore(config);
    const whole = readFileSync(config.file);
    alter((content) => {
      content.writeUInt8(content.readUInt8(content.length - 10) ^ 1, content.length - 10);
      return content;
    });
    await assert.rejects(openHsm(config), { code: 'HSM_PIN' });
    const edits: [string, string, string][] = [
      ['"passes":3', '"passes":2', 'HSM_PIN'],
      ['"passes":3', '"passes":9999', 'KEYSTORE_DAMAGED'],
      ['"memoryKib":65536', '"memoryKib":99999999', 'KEYSTORE_DAMAGED'],
      ['"version":1', '"version":2', 'KEYSTORE_DAMAGED'],
      ['"version":1', '"version":1,"more":1', 'KEYSTORE_DAMAGED'],
      ['argon2id', 'argon2i', 'KEYSTORE_DAMAGED'],
    ];
    for (const [from, to, code] of edits) {
      writeFileSync(config.file, whole);
      alter((content) => Buffer.from(content.toString('latin1').replace(from, to), 'latin1'));
      await assert.rejects(openHsm(config), { code }, to);
    }
  });

  test('survives kill -9 in the middle of its writes', async () => {
    const program = join(import.meta.dirname, 'generate.ts');
    for (const keysMin of [1, 12]) {
      rmSync(config.file, { force: true });
      await createSoftKeystore(config);
      const child = spawn(process.execPath, [program, config.file, config.pinFile]);
      let said = '';
      for await (const chunk of child.stdout) {
        said += chunk;
        if (said.split('\n').length > keysMin) child.kill('SIGKILL');
      }
      const hsm = await openHsm(config);
      const labels = new Set(await hsm.labels());
      for (const label of said.split('\n').slice(0, -1)) assert.ok(labels.has(label), label);
      await hsm.close();
    }
  });
});

describe('a PIN', () => {
  test('loses one trailing newline, nothing else', () => {
    const cases: [string, string][] = [
      ['1234', '1234'],
      ['1234\n', '1234'],
      [' 12 34 \n', ' 12 34 '],
    ];
    for (const [content, pin] of cases) {
      writeFileSync(config.pinFile, content);
      assert.equal(readPin(config.pinFile), pin);
    }
  });

  test('of two lines, of nothing or too long is refused', () => {
    for (const content of ['', '\n', '1234\n\n', '12\n34', '1234\r\n', '12\0', '1'.repeat(300)]) {
      writeFileSync(config.pinFile, content);
      assert.throws(() => readPin(config.pinFile), { code: 'HSM_PIN_FILE' }, content);
    }
  });

  test('in a file with any bit for group or others is refused', () => {
    for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666]) {
      chmodSync(config.pinFile, mode);
      assert.throws(() => readPin(config.pinFile), { code: 'HSM_PIN_FILE' }, mode.toString(8));
    }
    chmodSync(config.pinFile, 0o400);
    assert.equal(readPin(config.pinFile).length, 32);
  });

  test('comes from a systemd credential by name', () => {
    const read = (name: string) => readPin(`credential:${name}`);
    delete process.env.CREDENTIALS_DIRECTORY;
    assert.throws(() => read('pin'), { code: 'HSM_PIN_FILE' });
    process.env.CREDENTIALS_DIRECTORY = directory;
    const pin = readPin(config.pinFile);
    assert.equal(read('pin'), pin);
    chmodSync(config.pinFile, 0o440);
    assert.equal(read('pin'), pin);
    chmodSync(config.pinFile, 0o444);
    assert.throws(() => read('pin'), { code: 'HSM_PIN_FILE' });
    chmodSync(config.pinFile, 0o600);
    for (const name of ['', '..', '../pin', 'none', '/etc/passwd', './pin']) {
      assert.throws(() => read(name), { code: 'HSM_PIN_FILE' }, name);
    }
    delete process.env.CREDENTIALS_DIRECTORY;
  });

  test('file is never overwritten', () => {
    assert.throws(() => createPinFile(config.pinFile), { code: 'HSM_PIN_FILE' });
  });
});
