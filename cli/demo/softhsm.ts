/** SoftHSM 2 for the demo: a token of its own, in the demo's directory, seen by nothing else. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTokens, hasBinding } from '@sallyport/hsm/pkcs11/create-tokens.ts';

/** Where distributions put the module. */
const modulePaths = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

export interface DemoToken {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
}

/** The module, where the machine has it and the binding was built. */
export async function findSoftHsm(): Promise<string | undefined> {
  const module = modulePaths.find((path) => existsSync(path));
  return module !== undefined && (await hasBinding()) ? module : undefined;
}

/**
 * Makes one token for each label. Points SOFTHSM2_CONF of this process, and so of everything that it
 * starts, at the demo's own tokens.
 */
export async function makeTokens(
  dir: string,
  module: string,
  labels: readonly string[],
): Promise<DemoToken[]> {
  const tokenDir = join(dir, 'softhsm');
  mkdirSync(tokenDir, { recursive: true, mode: 0o700 });
  const conf = join(dir, 'softhsm2.conf');
  writeFileSync(conf, `directories.tokendir = ${tokenDir}\nlog.level = ERROR\n`);
  process.env.SOFTHSM2_CONF = conf;

  const pins = await createTokens(module, labels);
  return labels.map((label, index) => {
    const pinFile = join(dir, `${label}.pin`);
    writeFileSync(pinFile, pins[index] ?? '', { mode: 0o600 });
    return { module, label, pinFile };
  });
}
