/** What the tests need besides npm's packages, and how it gets there. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

interface Tool {
  readonly debianPackage: string;
  /** Any one of these files proves it. */
  readonly files: readonly string[];
  readonly usedFor: string;
}

const tools: readonly Tool[] = [
  {
    debianPackage: 'softhsm2',
    files: ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/softhsm/libsofthsm2.so'],
    usedFor: 'keys in a PKCS#11 token',
  },
  { debianPackage: 'opensc', files: onPath('pkcs11-tool'), usedFor: 'a second look at the token' },
  {
    debianPackage: 'faketime',
    files: globSync('/usr/lib/*/faketime/libfaketimeMT.so.1').concat(onPath('faketime')),
    usedFor: 'clocks that jump',
  },
  { debianPackage: 'strace', files: onPath('strace'), usedFor: 'the order of writes and syncs' },
  {
    debianPackage: 'openssl',
    files: onPath('openssl'),
    usedFor: 'checking packages by other code',
  },
  {
    debianPackage: 'clamav-daemon',
    files: ['/usr/sbin/clamd'],
    usedFor: 'scanning for what is harmful',
  },
  { debianPackage: 'c-icap', files: onPath('c-icap'), usedFor: 'scanning by ICAP' },
  {
    debianPackage: 'libc-icap-mod-virus-scan',
    files: globSync('/usr/lib/*/c_icap/virus_scan.so'),
    usedFor: 'a scanner behind ICAP',
  },
  { debianPackage: 'slowhttptest', files: onPath('slowhttptest'), usedFor: 'slow HTTP attacks' },
];

function onPath(command: string): string[] {
  return (process.env.PATH ?? '').split(':').map((folder) => join(folder, command));
}

/** As root on a Debian machine missing tools are installed; elsewhere they are named. */
export function installTools(say: (line: string) => void): void {
  const missing = tools.filter((tool) => !tool.files.some((file) => existsSync(file)));
  if (missing.length === 0) return;
  const packages = missing.map((tool) => tool.debianPackage);
  if (process.getuid?.() === 0 && onPath('apt-get').some((file) => existsSync(file))) {
    say(`installing ${packages.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options: SpawnSyncOptions = { env, stdio: ['ignore', 'ignore', 'inherit'] };
    spawnSync('apt-get', ['update', '-qq'], options);
    const args = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
    if (spawnSync('apt-get', args, options).status === 0) return;
    say('apt-get could not install them');
  }
  for (const tool of missing) say(`missing: ${tool.debianPackage} (${tool.usedFor})`);
  say(`hint: as root, run apt-get install ${packages.join(' ')}`);
}
