/** Runs inside the confinement of a process and tries to get out. Prints what came of each attempt. */
import { fork, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import fs from 'node:fs';
import inspector from 'node:inspector';
import net from 'node:net';
import { Worker } from 'node:worker_threads';

const { home, outside, addon, reads } = JSON.parse(process.argv[2] ?? '') as {
  home: string;
  outside: string;
  addon: string;
  reads: readonly string[];
};

/** What a listener must not do it hears of in a turn of its own, where nobody can catch it. */
const settled = (emitter: NodeJS.EventEmitter, event: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    emitter.once(event, resolve).once('error', reject);
    process.removeAllListeners('uncaughtException').once('uncaughtException', reject);
  });
const builtin = (name: string): Promise<Record<string, never>> => import(`node:${name}`);

const attempts: Record<string, () => unknown> = {
  'read the list of users': () => fs.readFileSync('/etc/passwd'),
  'read the memory of its parent': () => fs.openSync(`/proc/${process.ppid}/mem`, 'r'),
  'read its own environment': () => fs.readFileSync('/proc/self/environ'),
  'list its home': () => fs.readdirSync(home),
  'watch its home': () => fs.watch(home).close(),
  'write into its home': () => fs.writeFileSync(`${home}/new`, ''),
  'change its configuration': () => fs.appendFileSync(`${home}/config.yaml`, '#'),
  'change the code': () =>
    fs.appendFileSync(new URL('./confinement-probe.ts', import.meta.url), ''),
  'write elsewhere': () => fs.writeFileSync(`${outside}/new`, ''),
  'make a link to what it must not read': () => fs.symlinkSync('/etc/passwd', `${outside}/link`),
  'open a database through Node': async () => {
    const { DatabaseSync } = (await builtin('sqlite')) as unknown as {
      DatabaseSync: new (path: string) => { exec(sql: string): void };
    };
    new DatabaseSync(`${outside}/other.db`).exec('CREATE TABLE t (a)');
  },
  'start a program': () => spawnSync('true'),
  'start a Node': () => fork('x.js'),
  'become a program': () => process.execve?.('/bin/true', ['true'], {}),
  'start a thread': () => new Worker('', { eval: true }),
  'open a debugger': () => inspector.open(0),
  'debug itself': () => new inspector.Session().connect(),
  "reach Node's insides": () => Reflect.get(process, 'binding').call(process, 'fs'),
  'load native code': () => process.dlopen({ exports: {} }, addon),
  'call native code': async () => {
    const { dlopen } = (await builtin('ffi')) as { dlopen?: (path: string, what: object) => void };
    dlopen?.('libc.so.6', {});
  },
  'run a foreign module with files': async () => {
    const { WASI } = await import('node:wasi');
    return new WASI({ version: 'preview1', preopens: { '/': '/' } });
  },
  'write a report': () => process.report?.writeReport(`${outside}/report.json`),
  'read a file of settings': () => process.loadEnvFile('/etc/os-release'),
  'connect to an address': () => settled(net.connect(9, '127.0.0.1'), 'connect'),
  'listen at an address': () => settled(net.createServer().listen(0, '127.0.0.1'), 'listening'),
  'connect to a socket file': () => settled(net.connect(`${outside}/none.sock`), 'connect'),
  'listen at a socket file': () => settled(net.createServer().listen(`${outside}/s`), 'listening'),
  'send a datagram': () => settled(createSocket('udp4').bind(0), 'listening'),
  'ask for a name': () => lookup('localhost'),
};
for (const path of reads) attempts[`read ${path}`] = () => fs.readFileSync(`${home}/${path}`);

const outcomes: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    outcomes[name] = 'done';
  } catch (thrown) {
    outcomes[name] = String((thrown as NodeJS.ErrnoException).code ?? thrown);
  }
}
fs.writeSync(1, JSON.stringify(outcomes));
process.exit(0);
