/** P-256 key pairs inside the token: how they are made, found and believed. */
import { SallyportError } from '@sallyport/shared/errors.ts';
import { guarded } from './faults.ts';
import type { Handle, Pkcs11, Session } from './module.ts';

export interface TokenKey {
  readonly privateKey: Handle;
  /** Uncompressed point, 65 bytes. */
  readonly point: Buffer;
}

type Template = Parameters<Session['module']['C_FindObjectsInit']>[1];

/** DER of the OID prime256v1, as CKA_EC_PARAMS wants it. */
const p256 = Buffer.from('06082a8648ce3d030107', 'hex');
const objectsMax = 1024;

/** Makes a key pair that never leaves the token and has exactly one use. */
export function generate(
  pkcs11: Pkcs11,
  { module, handle }: Session,
  label: string,
  use: 'sign' | 'derive',
): void {
  const named: Template = [
    { type: pkcs11.CKA_TOKEN, value: true },
    { type: pkcs11.CKA_LABEL, value: label },
    { type: pkcs11.CKA_ID, value: Buffer.from(label) },
  ];
  const publicTemplate: Template = [
    ...named,
    { type: pkcs11.CKA_EC_PARAMS, value: p256 },
    { type: pkcs11.CKA_VERIFY, value: use === 'sign' },
  ];
  const privateTemplate: Template = [
    ...named,
    { type: pkcs11.CKA_PRIVATE, value: true },
    { type: pkcs11.CKA_SENSITIVE, value: true },
    { type: pkcs11.CKA_EXTRACTABLE, value: false },
    { type: pkcs11.CKA_SIGN, value: use === 'sign' },
    { type: pkcs11.CKA_DERIVE, value: use === 'derive' },
    { type: pkcs11.CKA_DECRYPT, value: false },
    { type: pkcs11.CKA_UNWRAP, value: false },
  ];
  const mechanism = { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN };
  guarded(pkcs11, 'C_GenerateKeyPair', () =>
    module.C_GenerateKeyPair(handle, mechanism, publicTemplate, privateTemplate),
  );
}

/** Finds one key pair and refuses a private key that could leave the token. Errors: HSM_KEY. */
export function find(pkcs11: Pkcs11, session: Session, label: string): TokenKey {
  const labelled = { type: pkcs11.CKA_LABEL, value: label };
  const privateKey = only(pkcs11, session, label, [...ecPrivate(pkcs11), labelled]);
  const publicKey = only(pkcs11, session, label, [...ecPublic(pkcs11), labelled]);
  requireUnextractable(pkcs11, session, label, privateKey);
  const [params, point] = attributes(pkcs11, session, publicKey, [
    pkcs11.CKA_EC_PARAMS,
    pkcs11.CKA_EC_POINT,
  ]);
  if (!params?.equals(p256) || !point) {
    throw new SallyportError('HSM_KEY', `expected a P-256 key ${label}, got another curve`);
  }
  return { privateKey, point: unwrapPoint(point) };
}

/** True where a private key of this label is in the token. */
export function exists(pkcs11: Pkcs11, session: Session, label: string): boolean {
  const template = [...ecPrivate(pkcs11), { type: pkcs11.CKA_LABEL, value: label }];
  return search(pkcs11, session, template).length > 0;
}

/** Labels of the private keys in the token. */
export function labels(pkcs11: Pkcs11, session: Session): string[] {
  return search(pkcs11, session, ecPrivate(pkcs11)).map((key) => {
    const [label] = attributes(pkcs11, session, key, [pkcs11.CKA_LABEL]);
    return label?.toString('utf8') ?? '';
  });
}

function ecPrivate(pkcs11: Pkcs11): Template {
  return [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PRIVATE_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_EC },
  ];
}

function ecPublic(pkcs11: Pkcs11): Template {
  return [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_PUBLIC_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_EC },
  ];
}

function search(pkcs11: Pkcs11, { module, handle }: Session, template: Template): Handle[] {
  return guarded(pkcs11, 'C_FindObjects', () => {
    module.C_FindObjectsInit(handle, template);
    try {
      return module.C_FindObjects(handle, objectsMax);
    } finally {
      module.C_FindObjectsFinal(handle);
    }
  });
}

function only(pkcs11: Pkcs11, session: Session, label: string, template: Template): Handle {
  const found = search(pkcs11, session, template);
  const [key] = found;
  if (key && found.length === 1) return key;
  throw new SallyportError('HSM_KEY', `expected one key ${label}, got ${found.length}`, {
    hint: 'apply the keyspec to make what is missing; two keys of one label need an operator',
  });
}

function requireUnextractable(pkcs11: Pkcs11, session: Session, label: string, key: Handle): void {
  const [sensitive, extractable] = attributes(pkcs11, session, key, [
    pkcs11.CKA_SENSITIVE,
    pkcs11.CKA_EXTRACTABLE,
  ]);
  if (sensitive?.[0] === 1 && extractable?.[0] === 0) return;
  throw new SallyportError('HSM_KEY', `expected a key ${label} that cannot leave the token`, {
    hint: 'make a new key through the keyspec; this one was imported or made by another tool',
  });
}

function attributes(
  pkcs11: Pkcs11,
  { module, handle }: Session,
  object: Handle,
  types: readonly number[],
): Buffer[] {
  const template = types.map((type) => ({ type }));
  return guarded(pkcs11, 'C_GetAttributeValue', () =>
    module.C_GetAttributeValue(handle, object, template).map((attribute) => attribute.value),
  );
}

/** CKA_EC_POINT is the point inside a DER OCTET STRING; some tokens give the bare point. */
function unwrapPoint(value: Buffer): Buffer {
  if (value.length === 65 && value[0] === 4) return Buffer.from(value);
  if (value.length === 67 && value[0] === 4 && value[1] === 65 && value[2] === 4) {
    return Buffer.from(value.subarray(2));
  }
  throw new SallyportError('HSM_KEY', `expected an uncompressed P-256 point from the token`);
}
