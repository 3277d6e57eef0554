/** Real scanners with a database of one signature: clamd, and c-icap that asks clamd. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tarOf } from '../content/archives.ts';
import { until } from '../until.ts';

const clamd = '/usr/sbin/clamd';
const virusScan = globSync('/usr/lib/*/c_icap/virus_scan.so')[0];

export const missingClamd = existsSync(clamd) ? false : 'clamd is not installed';
export const missingIcap =
  existsSync('/usr/bin/c-icap') && virusScan
    ? false
    : 'c-icap and its virus_scan are not installed';

/** In two parts, so that no scanner finds it in this file. */
export const eicar = Buffer.from(
  ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(''),
);

export interface Daemon {
  readonly child: ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * `madeMs`: how old its signatures say they are. `bytesMax`: larger files it does not look at. `timeZone`: in
 * which it runs, other than that of this machine.
 */
export async function startClamd(
  dir: string,
  options: { madeMs?: number; bytesMax?: string; timeZone?: string } = {},
): Promise<Daemon & { readonly socket: string }> {
  const { madeMs = Date.now(), bytesMax = '4M', timeZone } = options;
  const database = join(dir, 'db');
  mkdirSync(database, { recursive: true });
  writeFileSync(join(database, 'daily.cud'), signatures(madeMs));
  const socket = join(dir, 'clamd.sock');
  const lines = [
    `DatabaseDirectory ${database}`,
    `LocalSocket ${socket}`,
    'Foreground yes',
    `StreamMaxLength ${bytesMax}`,
    `MaxFileSize ${bytesMax}`,
    'AlertExceedsMax yes',
    `TemporaryDirectory ${dir}`,
  ];
  writeFileSync(join(dir, 'clamd.conf'), `${lines.join('\n')}\n`);
  rmSync(socket, { force: true });
  const child = spawn(clamd, ['-c', join(dir, 'clamd.conf')], {
    stdio: 'ignore',
    env: { ...process.env, ...(timeZone !== undefined && { TZ: timeZone }) },
  });
  await until(() => existsSync(socket) || child.exitCode !== null, 30_000);
  return { socket, ...daemon(child) };
}

/** The virus_scan service of c-icap, whose engine is that clamd. */
export async function startIcap(
  dir: string,
  clamdSocket: string,
): Promise<Daemon & { readonly url: string }> {
  const modules = dirname(virusScan ?? '');
  const port = 20_000 + (process.pid % 20_000);
  const lines = [
    `PidFile ${join(dir, 'icap.pid')}`,
    `CommandsSocket ${join(dir, 'icap.ctl')}`,
    `Port 127.0.0.1:${port}`,
    `ModulesDir ${modules}`,
    `ServicesDir ${modules}`,
    `ServerLog ${join(dir, 'icap.log')}`,
    `TmpDir ${dir}`,
    'LoadMagicFile /etc/c-icap/c-icap.magic',
    'StartServers 1',
    'MaxServers 2',
    'ThreadsPerChild 10',
    'Service virus_scan virus_scan.so',
    'ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple',
    'virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GRAPHICS STREAM DOCUMENT',
    'virus_scan.MaxObjectSize 64M',
    'virus_scan.DefaultEngine clamd',
    'Module common clamd_mod.so',
    `clamd_mod.ClamdSocket ${clamdSocket}`,
  ];
  writeFileSync(join(dir, 'icap.conf'), `${lines.join('\n')}\n`);
  const child = spawn('/usr/bin/c-icap', ['-N', '-f', join(dir, 'icap.conf')], { stdio: 'ignore' });
  return { url: `icap://127.0.0.1:${port}/avscan`, ...daemon(child) };
}

function daemon(child: ChildProcess): Daemon {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // However this test ends, its scanners do not outlive it.
  process.once('exit', () => child.kill('SIGKILL'));
  return {
    child,
    async stop(signal = 'SIGKILL') {
      child.kill(signal);
      await ended;
    },
  };
}

/** An unsigned database in ClamAV's own container: that alone gives clamd a date to tell. */
function signatures(madeMs: number): Buffer {
  const hex = eicar.subarray(0, 34).toString('hex');
  const ndb = `Sallyport.Eicar:0:*:${hex}\n`;
  const [, day, month, year, time = ''] = new Date(madeMs).toUTCString().split(' ');
  const clock = time.slice(0, 5).replace(':', '-');
  const unknown = 'X'.repeat(32);
  const made = `${day} ${month} ${year} ${clock} +0000`;
  const head = `ClamAV-VDB:${made}:27823:1:90:${unknown}:${unknown}:us:${Math.floor(madeMs / 1000)}`;
  const digest = createHash('sha256').update(ndb).digest('hex');
  const info = `${head}\ndaily.ndb:${ndb.length}:${digest}\n`;
  const packed = gzipSync(
    tarOf([
      { name: 'daily.info', content: info },
      { name: 'daily.ndb', content: ndb },
    ]),
  );
  return Buffer.concat([Buffer.from(head.padEnd(512)), packed]);
}
