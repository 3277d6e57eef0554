/** The home of a node: one directory that holds all it is and remembers. docs/spec/config.md draws it. */
import { join } from 'node:path';
import type { NodeConfig } from './config.ts';

/** The processes that every node has, in the order in which they start. */
export const processNames = ['signer', 'guard', 'edge', 'mover', 'admin'] as const;
/** With those that only some nodes need: one asks scanners, one runs plug-ins. */
const everyProcess = [...processNames, 'scanner', 'plugins'] as const;
export type ProcessName = (typeof everyProcess)[number];

export function isProcessName(name: unknown): name is ProcessName {
  return everyProcess.some((one) => one === name);
}

/** The processes of a node of that configuration, in the order in which they start. */
export function processesOf({
  scanners,
  plugins,
}: Pick<NodeConfig, 'scanners' | 'plugins'>): readonly ProcessName[] {
  return everyProcess.filter((name) => {
    if (name === 'scanner') return scanners.length > 0;
    return name !== 'plugins' || plugins !== undefined;
  });
}

export type HomePaths = Readonly<ReturnType<typeof homePaths>>;

export interface Home {
  readonly dir: string;
  readonly paths: HomePaths;
  readonly config: NodeConfig;
}

/** Where everything of the node in `dir` lies. Absolute where `dir` is. */
export function homePaths(dir: string) {
  const at = (...parts: string[]): string => join(dir, ...parts);
  return {
    config: at('config.yaml'),
    keyspec: at('keyspec.json'),
    pin: at('keys', 'pin'),
    keystore: at('keys', 'soft.keystore'),
    pluginSecrets: at('keys', 'plugins'),
    certificate: (key: 'ca' | 'sign' | 'decrypt' | 'audit') => at('certs', `${key}.pem`),
    tlsKey: (use: 'edge' | 'link') => at('tls', `${use}.key`),
    tlsCertificate: (use: 'edge' | 'link') => at('tls', `${use}.pem`),
    peer: at('peer.trust'),
    database: at('data', 'sallyport.db'),
    auditFiles: at('data', 'audit'),
    spoolOut: at('spool', 'out'),
    spoolIn: at('spool', 'in'),
    spoolRefused: at('spool', 'refused'),
    archiveOut: at('archive', 'out'),
    archiveIn: at('archive', 'in'),
    run: at('run'),
    lock: at('run', 'lock.db'),
    processes: at('run', 'processes.json'),
    log: (process: ProcessName) => at('log', `${process}.log`),
  };
}

/**
 * Where the admin process of the node in `dir` listens for the command line. It uses '.', its working
 * directory: a unix socket's path has room for about 100 bytes only.
 */
export function controlSocket(dir: string): string {
  return dir === '.' ? 'run/admin.sock' : join(dir, 'run', 'admin.sock');
}

/** Directories of a home, each of mode 0700. */
export const homeDirs: readonly string[] = [
  'keys',
  'certs',
  'tls',
  'data',
  'spool',
  'spool/out',
  'spool/in',
  'spool/refused',
  'archive',
  'archive/out',
  'archive/in',
  'run',
  'log',
];
