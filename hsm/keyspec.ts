/**
 * The keyspec: a reviewable file that declares every key of a node (docs/spec/keys.md). What it does
 * not declare does not exist; applying it makes what is missing and proves each key by using it.
 */
import { createECDH, randomBytes } from 'node:crypto';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { Hsm, KeyName } from '@sallyport/shared/ports.ts';
import { z } from 'zod';

export interface KeyDeclaration {
  readonly label: string;
  readonly name: KeyName;
  readonly use: 'sign' | 'derive';
  readonly curve: 'P-256';
}

export interface Keyspec {
  readonly version: 1;
  readonly keys: readonly KeyDeclaration[];
}

export interface AppliedKey extends KeyDeclaration {
  readonly action: 'generated' | 'present';
}

/** Each purpose has exactly one use: a key that signs never decrypts. */
const useOf: Record<KeyName, 'sign' | 'derive'> = {
  ca: 'sign',
  sign: 'sign',
  decrypt: 'derive',
  audit: 'sign',
};
const names = Object.keys(useOf) as KeyName[];
const nodeId = /^[a-z0-9][a-z0-9-]{0,62}$/;
const shape = z.strictObject({
  version: z.literal(1),
  keys: z.array(
    z.strictObject({
      label: z.string().regex(/^[a-z0-9{}][a-z0-9{}.-]{0,127}$/),
      name: z.enum(['ca', 'sign', 'decrypt', 'audit']),
      use: z.enum(['sign', 'derive']),
      curve: z.literal('P-256'),
    }),
  ),
});

/**
 * Reads a keyspec file's text and puts the node's id in the place of `{node}`.
 * Errors: KEYSPEC_INVALID with every fault in one message.
 */
export function parseKeyspec(text: string, node: string): Keyspec {
  if (!nodeId.test(node)) throw invalid(['expected a node id of a-z, 0-9 and hyphens']);
  if (Buffer.byteLength(text) > limits.keyspecBytesMax) throw invalid(['expected a small file']);
  const parsed = shape.safeParse(parseJson(text));
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`),
    );
  }
  const keys = parsed.data.keys.map((key) => ({
    ...key,
    label: key.label.replaceAll('{node}', node),
  }));
  const faults = faultsAmong(keys);
  if (faults.length > 0) throw invalid(faults);
  return { version: 1, keys };
}

/** Labels by purpose, as the signer process wants them. */
export function labelsOf(keyspec: Keyspec): Record<KeyName, string> {
  const label = (name: KeyName): string =>
    keyspec.keys.find((key) => key.name === name)?.label ?? '';
  return {
    ca: label('ca'),
    sign: label('sign'),
    decrypt: label('decrypt'),
    audit: label('audit'),
  };
}

/**
 * Generates the keys that are missing and uses each key once, so that a key of another use or one that
 * does not work is found now. Never replaces a key. Errors: HSM_KEY and whatever the key store says.
 */
export async function applyKeyspec(hsm: Hsm, keyspec: Keyspec): Promise<AppliedKey[]> {
  const present = new Set(await hsm.labels());
  const applied: AppliedKey[] = [];
  for (const key of keyspec.keys) {
    const action = present.has(key.label) ? 'present' : 'generated';
    if (action === 'generated') await hsm.generateKeyPair(key.label, key.use);
    await hsm.publicKey(key.label);
    if (key.use === 'sign') await hsm.sign(key.label, randomBytes(32));
    else await hsm.derive(key.label, createECDH('prime256v1').generateKeys());
    applied.push({ ...key, action });
  }
  return applied;
}

function faultsAmong(keys: readonly KeyDeclaration[]): string[] {
  const faults: string[] = [];
  for (const name of names) {
    const count = keys.filter((key) => key.name === name).length;
    if (count !== 1) faults.push(`keys: expected one key named ${name}, got ${count}`);
  }
  keys.forEach((key, index) => {
    const at = `keys.${index}`;
    if (key.use !== useOf[key.name]) {
      faults.push(`${at}.use: expected ${useOf[key.name]} for ${key.name}, got ${key.use}`);
    }
    if (/[{}]/.test(key.label)) faults.push(`${at}.label: expected no placeholder but {node}`);
    if (keys.findIndex((other) => other.label === key.label) !== index) {
      faults.push(`${at}.label: expected a label of its own, got ${key.label} again`);
    }
  });
  return faults;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SallyportError('KEYSPEC_INVALID', 'file: expected JSON, got something else', {
      cause,
    });
  }
}

function invalid(faults: readonly string[]): SallyportError {
  return new SallyportError('KEYSPEC_INVALID', faults.join('; '), {
    hint: 'docs/spec/keys.md describes the file; installer/keyspecs/ holds the default',
  });
}
