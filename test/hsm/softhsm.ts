/** A SoftHSM 2 token of one test file: own directory, own configuration, nothing of the machine's. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pkcs11Config } from '@sallyport/hsm/pkcs11/module.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export const softHsmModule = '/usr/lib/softhsm/libsofthsm2.so';
export const tokenPin = '24682468';

/** Why the tests on SoftHSM cannot run here, or false. */
export const softHsmMissing: string | false = existsSync(softHsmModule)
  ? false
  : 'SoftHSM 2 is not installed (package softhsm2)';

export interface SoftHsm {
  readonly config: Pkcs11Config;
  /** Takes the token away, as an unplugged device. */
  remove(): void;
  restore(): void;
}

/** Makes a token. Sets SOFTHSM2_CONF, which the module reads when it is initialised. */
export function createSoftHsm(): SoftHsm {
  const directory = temporaryFolder();
  const tokens = join(directory, 'tokens');
  const away = join(directory, 'away');
  const conf = join(directory, 'softhsm2.conf');
  mkdirSync(tokens);
  mkdirSync(away);
  writeFileSync(conf, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`);
  process.env.SOFTHSM2_CONF = conf;
  const init = ['--init-token', '--free', '--label', 'gate', '--so-pin', '13571357'];
  execFileSync('softhsm2-util', [...init, '--pin', tokenPin], { stdio: 'ignore' });
  const pinFile = join(directory, 'pin');
  writeFileSync(pinFile, `${tokenPin}\n`, { mode: 0o600 });
  const move = (from: string, to: string): void => {
    for (const name of readdirSync(from)) renameSync(join(from, name), join(to, name));
  };
  return {
    config: { kind: 'pkcs11', module: softHsmModule, tokenLabel: 'gate', pinFile },
    remove: () => move(tokens, away),
    restore: () => move(away, tokens),
  };
}
