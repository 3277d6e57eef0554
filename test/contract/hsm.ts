/** What every key store does, whatever is behind it. */
import assert from 'node:assert/strict';
import { createECDH, createHash, verify } from 'node:crypto';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type HsmConfig, openHsm } from '@sallyport/hsm/open.ts';
import { requirePoint } from '@sallyport/hsm/operands.ts';
import type { Hsm } from '@sallyport/shared/ports.ts';
import fc from 'fast-check';
import { temporaryFolder } from '../temporary-folder.ts';
import { publicKeyOf } from '../x509/soft-key.ts';

/** SHA-256 ECDSA verification by OpenSSL: the judge of every signature here. */
export function isSignedBy(point: Buffer, message: Uint8Array, signature: Buffer): boolean {
  return verify(
    'sha256',
    message,
    { key: publicKeyOf(point), dsaEncoding: 'ieee-p1363' },
    signature,
  );
}

const sha256 = (message: Uint8Array): Buffer => createHash('sha256').update(message).digest();

/** Runs the suite on an empty key store; `config` is read only when the tests run. */
export function hsmContract(name: string, skip: string | false, prepare: () => Promise<HsmConfig>) {
  describe(`${name} keeps the key store contract`, { skip }, async () => {
    if (skip) return;
    const config = await prepare();
    const hsm: Hsm = await openHsm(config);
    await hsm.generateKeyPair('gate-sign', 'sign');
    await hsm.generateKeyPair('gate-decrypt', 'derive');
    after(() => hsm.close());

    test('it says what it is', () => {
      assert.equal(hsm.kind, config.kind);
      assert.match(hsm.description, config.kind === 'soft' ? /NOT AN HSM/ : /^token gate/);
    });

    test('generated keys are listed, and their public keys are points on P-256', async () => {
      assert.deepEqual((await hsm.labels()).sort(), ['gate-decrypt', 'gate-sign']);
      for (const label of ['gate-sign', 'gate-decrypt']) {
        const point = await hsm.publicKey(label);
        assert.equal(point.length, 65);
        assert.deepEqual(requirePoint(point), point);
      }
    });

    test('signatures are 64 bytes and OpenSSL verifies them, for any message', async () => {
      const point = await hsm.publicKey('gate-sign');
      const property = fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (message) => {
        const signature = await hsm.sign('gate-sign', sha256(message));
        assert.equal(signature.length, 64);
        assert.ok(isSignedBy(point, message, signature));
        assert.ok(!isSignedBy(point, Buffer.concat([message, Buffer.of(0)]), signature));
      });
      await fc.assert(property, { seed: 1, numRuns: 100 });
    });

    test('many signatures at once each belong to their own digest', async () => {
      const point = await hsm.publicKey('gate-sign');
      const messages = Array.from({ length: 64 }, (_, index) => Buffer.from(`message ${index}`));
      const signatures = await Promise.all(
        messages.map((message) => hsm.sign('gate-sign', sha256(message))),
      );
      assert.equal(new Set(signatures.map((one) => one.toString('hex'))).size, 64);
      messages.forEach((message, index) => {
        assert.ok(isSignedBy(point, message, signatures[index] ?? Buffer.alloc(0)));
      });
    });

    test('both sides of a key agreement come to the same 32 bytes', async () => {
      const point = await hsm.publicKey('gate-decrypt');
      for (let round = 0; round < 50; round += 1) {
        const sender = createECDH('prime256v1');
        const secret = await hsm.derive('gate-decrypt', sender.generateKeys());
        assert.equal(secret.length, 32);
        assert.deepEqual(secret, sender.computeSecret(point));
      }
    });

    test('a key has one use', async () => {
      const point = await hsm.publicKey('gate-sign');
      await assert.rejects(hsm.sign('gate-decrypt', Buffer.alloc(32)), { code: 'HSM_KEY' });
      await assert.rejects(hsm.derive('gate-sign', point), { code: 'HSM_KEY' });
      assert.equal((await hsm.sign('gate-sign', Buffer.alloc(32, 1))).length, 64);
    });

    test('an unknown label is refused', async () => {
      const digest = Buffer.alloc(32);
      await assert.rejects(hsm.publicKey('nobody'), { code: 'HSM_KEY' });
      await assert.rejects(hsm.sign('nobody', digest), { code: 'HSM_KEY' });
      await assert.rejects(hsm.sign('constructor', digest), { code: 'HSM_KEY' });
    });

    test('a label is never generated twice', async () => {
      const point = await hsm.publicKey('gate-sign');
      await assert.rejects(hsm.generateKeyPair('gate-sign', 'sign'), { code: 'HSM_KEY' });
      await assert.rejects(hsm.generateKeyPair('gate-sign', 'derive'), { code: 'HSM_KEY' });
      assert.deepEqual(await hsm.publicKey('gate-sign'), point);
    });

    test('a digest of another length is refused', async () => {
      for (const length of [0, 20, 31, 33, 64]) {
        await assert.rejects(hsm.sign('gate-sign', Buffer.alloc(length)), { code: 'HSM_KEY' });
      }
    });

    test('a point that is not on the curve is refused', async () => {
      const point = await hsm.publicKey('gate-sign');
      const moved = Buffer.from(point);
      moved.writeUInt8(moved.readUInt8(64) ^ 1, 64);
      const compressed = Buffer.concat([Buffer.of(2), point.subarray(1, 33)]);
      for (const bad of [moved, compressed, point.subarray(1), Buffer.alloc(65), Buffer.alloc(0)]) {
        await assert.rejects(hsm.derive('gate-decrypt', bad), { code: 'HSM_KEY' });
      }
    });

    test('reopening keeps the keys, and closing ends the session', async () => {
      const point = await hsm.publicKey('gate-sign');
      await hsm.reopen();
      assert.deepEqual(await hsm.publicKey('gate-sign'), point);
      await hsm.close();
      await assert.rejects(hsm.sign('gate-sign', Buffer.alloc(32)), { code: 'HSM_LOST' });
      await hsm.reopen();
      assert.equal((await hsm.sign('gate-sign', Buffer.alloc(32))).length, 64);
    });

    test('a wrong PIN is refused, and the right one still works', async () => {
      await hsm.close();
      const wrong = pinFileOf('00000000');
      await assert.rejects(openHsm({ ...config, pinFile: wrong }), { code: 'HSM_PIN' });
      await hsm.reopen();
      assert.equal((await hsm.sign('gate-sign', Buffer.alloc(32))).length, 64);
    });

    test('a PIN file that others may read, or that is no regular file, is refused', async () => {
      await hsm.close();
      const readable = pinFileOf('24682468');
      chmodSync(readable, 0o644);
      const link = `${readable}.link`;
      symlinkSync(config.pinFile, link);
      for (const pinFile of [readable, link, tmpdir(), '/nonexistent/pin', pinFileOf('')]) {
        await assert.rejects(openHsm({ ...config, pinFile }), { code: 'HSM_PIN_FILE' });
      }
      await hsm.reopen();
    });
  });
}

function pinFileOf(pin: string): string {
  const directory = temporaryFolder();
  const path = join(directory, 'pin');
  writeFileSync(path, `${pin}\n`, { mode: 0o600 });
  return path;
}
