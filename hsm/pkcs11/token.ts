/**
 * A PKCS#11 token behind the Hsm port. One module, one session, cached handles; every call is
 * synchronous (twice the rate of the asynchronous ones), so one process carries one token and nothing
 * else. Cryptoki is process-wide: keep one open token of a module per process.
 */
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Hsm } from '@sallyport/shared/ports.ts';
import { requireDigest, requirePoint } from '../operands.ts';
import { guarded } from './faults.ts';
import { exists, find, generate, labels, type TokenKey } from './keys.ts';
import {
  finalise,
  type Handle,
  loadBinding,
  openSession,
  type Pkcs11,
  type Pkcs11Config,
  type Session,
} from './module.ts';

/**
 * Opens the token. Modules may keep a little of each object that was destroyed until they are finalised, as
 * SoftHSM 2.6 does (270 bytes), so after `derivesMax` secrets it is opened anew. Errors in check order:
 * HSM_MODULE, HSM_TOKEN, HSM_PIN_FILE, HSM_PIN, HSM_LOST.
 */
export async function openPkcs11(
  config: Pkcs11Config,
  derivesMax: number = limits.hsmDerivesMax,
): Promise<Hsm> {
  const pkcs11 = await loadBinding();
  const module = new pkcs11.PKCS11();
  const keys = new Map<string, TokenKey>();
  let session: Session | undefined;
  let derives = 0;

  const forget = (): void => {
    session = undefined;
    derives = 0;
    keys.clear();
    finalise(module);
  };
  const open = (): Session => {
    forget();
    try {
      session = openSession(pkcs11, module, config);
      return session;
    } catch (thrown) {
      forget();
      throw thrown;
    }
  };
  const live = (): Session => {
    if (session) return session;
    throw new SallyportError('HSM_LOST', 'the token is not open');
  };
  const need = (label: string): TokenKey => {
    const known = keys.get(label) ?? find(pkcs11, live(), label);
    keys.set(label, known);
    return known;
  };
  const { tokenName } = open();

  return {
    kind: 'pkcs11',
    description: `token ${config.tokenLabel} (${tokenName}) through ${config.module}`,
    labels: async () => labels(pkcs11, live()),
    async generateKeyPair(label, use) {
      if (exists(pkcs11, live(), label)) {
        throw new SallyportError('HSM_KEY', `expected no key ${label} yet`);
      }
      generate(pkcs11, live(), label, use);
    },
    publicKey: async (label) => Buffer.from(need(label).point),
    sign: async (label, digest) => sign(pkcs11, live(), need(label), requireDigest(digest)),
    async derive(label, point) {
      if (derives >= derivesMax) open();
      derives += 1;
      return derive(pkcs11, live(), need(label), requirePoint(point));
    },
    async reopen() {
      open();
    },
    close: async () => forget(),
  };
}

function sign(pkcs11: Pkcs11, session: Session, key: TokenKey, digest: Buffer): Buffer {
  const { module, handle } = session;
  const signature = guarded(pkcs11, 'C_Sign', () => {
    module.C_SignInit(handle, { mechanism: pkcs11.CKM_ECDSA }, key.privateKey);
    return module.C_Sign(handle, digest, Buffer.alloc(64));
  });
  return requireLength('signature', signature, 64);
}

/** The shared secret is a session object for a moment: read, then destroyed. */
function derive(pkcs11: Pkcs11, session: Session, key: TokenKey, point: Buffer): Buffer {
  const { module, handle } = session;
  const mechanism = {
    mechanism: pkcs11.CKM_ECDH1_DERIVE,
    parameter: { type: pkcs11.CK_PARAMS_EC_DH, kdf: pkcs11.CKD_NULL, publicData: point },
  };
  const template = [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_GENERIC_SECRET },
    { type: pkcs11.CKA_TOKEN, value: false },
    { type: pkcs11.CKA_SENSITIVE, value: false },
    { type: pkcs11.CKA_EXTRACTABLE, value: true },
    { type: pkcs11.CKA_VALUE_LEN, value: 32 },
  ];
  const secret = guarded(pkcs11, 'C_DeriveKey', () => {
    const object: Handle = module.C_DeriveKey(handle, mechanism, key.privateKey, template);
    try {
      return module.C_GetAttributeValue(handle, object, [{ type: pkcs11.CKA_VALUE }])[0]?.value;
    } finally {
      module.C_DestroyObject(handle, object);
    }
  });
  return requireLength('shared secret', secret, 32);
}

/** A token that answers something else than asked is not to be trusted any further. */
function requireLength(what: string, bytes: Buffer | undefined, length: number): Buffer {
  if (bytes?.length === length) return bytes;
  throw new SallyportError('HSM_LOST', `expected a ${what} of ${length} bytes from the token`);
}
