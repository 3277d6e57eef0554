/** Homes of nodes on the soft keystore, made as `sallyport init` makes them, and their trust files. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeHome } from '@sallyport/cli/init-home.ts';
import { labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import type { Home } from '@sallyport/shared/config/home.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { ownTrust, type TrustFile } from '@sallyport/shared/pairing/trust-file.ts';
import type { Hsm, KeyName, Role } from '@sallyport/shared/ports.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface TestNode {
  readonly home: Home;
  readonly hsm: Hsm;
  readonly labels: Record<KeyName, string>;
  readonly trust: TrustFile;
  readonly signCa: (digest: Uint8Array) => Promise<Buffer>;
}

export async function makeNode(role: Role, node: string): Promise<TestNode> {
  const dir = join(temporaryFolder(), node);
  await makeHome(dir, {
    role,
    node,
    edge: role === 'outer' ? { host: '127.0.0.1', port: 8443, tls: true } : undefined,
    management: { host: '127.0.0.1', port: 9600 },
    send: { kind: 'link', host: '127.0.0.1', port: 9701 },
    receive: { kind: 'link', host: '127.0.0.1', port: 9702 },
    hsm: { kind: 'soft', file: 'keys/soft.keystore', pinFile: 'keys/pin' },
  });
  const home = readHome(dir);
  const { paths } = home;
  const file = resolve(dir, 'keys/soft.keystore');
  const hsm = await openHsm({ kind: 'soft', file, pinFile: paths.pin });
  const labels = labelsOf(parseKeyspec(readFileSync(paths.keyspec, 'utf8'), node));
  return {
    home,
    hsm,
    labels,
    trust: ownTrust(home, Date.now()),
    signCa: (digest) => hsm.sign(labels.ca, digest),
  };
}
