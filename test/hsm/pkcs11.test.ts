/** What only a PKCS#11 token can show, on SoftHSM 2. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { openHsm } from '@sallyport/hsm/open.ts';
import { loadBinding, requireAttemptsLeft } from '@sallyport/hsm/pkcs11/module.ts';
import { openPkcs11 } from '@sallyport/hsm/pkcs11/token.ts';
import type { Hsm } from '@sallyport/shared/ports.ts';
import { createSoftHsm, type SoftHsm, softHsmMissing, softHsmModule, tokenPin } from './softhsm.ts';

const digest = Buffer.alloc(32, 7);
const pkcs11Tool = '/usr/bin/pkcs11-tool';

describe('a PKCS#11 token', { skip: softHsmMissing }, () => {
  let token: SoftHsm;
  let hsm: Hsm;
  before(async () => {
    token = createSoftHsm();
    hsm = await openHsm(token.config);
    await hsm.generateKeyPair('gate-sign', 'sign');
    await hsm.generateKeyPair('gate-decrypt', 'derive');
  });
  after(() => hsm.close());

  /** The raw session of another user of the module, with every right that the PIN gives. */
  async function raw() {
    const pkcs11 = await loadBinding();
    const module = new pkcs11.PKCS11();
    module.load(softHsmModule);
    const slot = module
      .C_GetSlotList(true)
      .find((one) => module.C_GetTokenInfo(one).label.trim() === 'gate');
    assert.ok(slot);
    const session = module.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION);
    const privateKey = (label: string) => {
      module.C_FindObjectsInit(session, [
        { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
        { type: pkcs11.CKA_LABEL, value: label },
      ]);
      const [key] = module.C_FindObjects(session, 2);
      module.C_FindObjectsFinal(session);
      assert.ok(key);
      return key;
    };
    return { pkcs11, module, session, privateKey };
  }

  test('opens the module anew after so many secrets, which stay what they were', async () => {
    const renewed = await openPkcs11(token.config, 3);
    const point = await renewed.publicKey('gate-decrypt');
    const secret = await renewed.derive('gate-decrypt', point);
    const { module, session } = await raw();
    for (let at = 0; at < 2; at += 1) await renewed.derive('gate-decrypt', point);
    assert.ok(module.C_GetSessionInfo(session));
    assert.deepEqual(await renewed.derive('gate-decrypt', point), secret);
    assert.throws(() => module.C_GetSessionInfo(session), 'a session of before has ended');
    await hsm.reopen();
  });

  test('never gives a private key out, not even to who knows the PIN', async () => {
    const { pkcs11, module, session, privateKey } = await raw();
    for (const label of ['gate-sign', 'gate-decrypt']) {
      const key = privateKey(label);
      const value = [{ type: pkcs11.CKA_VALUE }];
      assert.throws(() => module.C_GetAttributeValue(session, key, value), {
        code: pkcs11.CKR_ATTRIBUTE_SENSITIVE,
      });
      const flags = [
        pkcs11.CKA_SENSITIVE,
        pkcs11.CKA_ALWAYS_SENSITIVE,
        pkcs11.CKA_NEVER_EXTRACTABLE,
        pkcs11.CKA_PRIVATE,
        pkcs11.CKA_EXTRACTABLE,
        pkcs11.CKA_DECRYPT,
        pkcs11.CKA_UNWRAP,
        pkcs11.CKA_SIGN,
        pkcs11.CKA_DERIVE,
      ];
      const found = module.C_GetAttributeValue(
        session,
        key,
        flags.map((type) => ({ type })),
      );
      const uses = label === 'gate-sign' ? [1, 0] : [0, 1];
      const bits = found.map((one) => one.value[0]);
      assert.deepEqual(bits, [1, 1, 1, 1, 0, 0, 0, ...uses]);
    }
  });

  test('refuses to make a private key extractable afterwards', async () => {
    const { pkcs11, module, session, privateKey } = await raw();
    const change = [{ type: pkcs11.CKA_EXTRACTABLE, value: true }];
    assert.throws(() => module.C_SetAttributeValue(session, privateKey('gate-sign'), change));
  });

  test('a key that could leave the token is not used', async () => {
    const { pkcs11, module, session } = await raw();
    const named = [
      { type: pkcs11.CKA_TOKEN, value: true },
      { type: pkcs11.CKA_LABEL, value: 'loose' },
    ];
    const params = Buffer.from('06082a8648ce3d030107', 'hex');
    module.C_GenerateKeyPair(
      session,
      { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN },
      [...named, { type: pkcs11.CKA_EC_PARAMS, value: params }],
      [...named, { type: pkcs11.CKA_EXTRACTABLE, value: true }],
    );
    await assert.rejects(hsm.sign('loose', digest), { code: 'HSM_KEY' });
  });

  test('two keys of one label are not used, and neither is another curve', async () => {
    const { pkcs11, module, session } = await raw();
    const make = (label: string, params: string) => {
      const named = [
        { type: pkcs11.CKA_TOKEN, value: true },
        { type: pkcs11.CKA_LABEL, value: label },
      ];
      module.C_GenerateKeyPair(
        session,
        { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN },
        [...named, { type: pkcs11.CKA_EC_PARAMS, value: Buffer.from(params, 'hex') }],
        [
          ...named,
          { type: pkcs11.CKA_SENSITIVE, value: true },
          { type: pkcs11.CKA_EXTRACTABLE, value: false },
        ],
      );
    };
    make('twin', '06082a8648ce3d030107');
    make('twin', '06082a8648ce3d030107');
    make('p384', '06052b81040022');
    await assert.rejects(hsm.publicKey('twin'), { code: 'HSM_KEY' });
    await assert.rejects(hsm.publicKey('p384'), { code: 'HSM_KEY' });
  });

  const noTool = existsSync(pkcs11Tool) ? false : 'pkcs11-tool is not installed (package opensc)';
  test('pkcs11-tool sees the keys as never extractable and cannot read them', {
    skip: noTool,
  }, () => {
    const login = [
      '--module',
      softHsmModule,
      '--token-label',
      'gate',
      '--login',
      '--pin',
      tokenPin,
    ];
    const list = [...login, '--list-objects', '--type', 'privkey'];
    const listed = execFileSync(pkcs11Tool, list, { encoding: 'utf8' });
    assert.match(listed, /gate-sign[\s\S]*never extractable/);
    const read = [...login, '--read-object', '--type', 'privkey', '--label', 'gate-sign'];
    assert.equal(spawnSync(pkcs11Tool, read, { encoding: 'utf8' }).stdout, '');
  });

  test('a lost token is HSM_LOST, then HSM_TOKEN when opened, then works again', async () => {
    await hsm.sign('gate-sign', digest);
    token.remove();
    await assert.rejects(hsm.sign('gate-sign', digest), { code: 'HSM_LOST' });
    await assert.rejects(hsm.reopen(), { code: 'HSM_TOKEN' });
    await assert.rejects(hsm.sign('gate-sign', digest), { code: 'HSM_LOST' });
    token.restore();
    await hsm.reopen();
    assert.equal((await hsm.sign('gate-sign', digest)).length, 64);
  });

  test('a missing token and a missing or wrong module have their own codes', async () => {
    await hsm.close();
    const { config } = token;
    await assert.rejects(openHsm({ ...config, tokenLabel: 'other' }), { code: 'HSM_TOKEN' });
    await assert.rejects(openHsm({ ...config, tokenLabel: 'gat' }), { code: 'HSM_TOKEN' });
    for (const module of ['/nonexistent/module.so', '/usr/lib/x86_64-linux-gnu/libc.so.6', '']) {
      await assert.rejects(openHsm({ ...config, module }), { code: 'HSM_MODULE' });
    }
    await hsm.reopen();
  });
});

test('the last PIN attempt of a token is never spent', async () => {
  const flags = { CKF_USER_PIN_FINAL_TRY: 0x20000, CKF_USER_PIN_LOCKED: 0x40000 };
  requireAttemptsLeft(flags, 0x10000 | 0x40d);
  assert.throws(() => requireAttemptsLeft(flags, 0x20000 | 0x40d), { code: 'HSM_PIN' });
  assert.throws(() => requireAttemptsLeft(flags, 0x40000 | 0x40d), { code: 'HSM_PIN' });
});
