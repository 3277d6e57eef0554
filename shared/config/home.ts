/** The home of a node: one directory that holds all it is and remembers. docs/spec/config.md draws it. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SallyportError } from '../errors.ts';
import { type NodeConfig, parseConfig } from './config.ts';

/** The processes that every node has, in the order in which they start. */
export const processNames = ['signer', 'guard', 'edge', 'mover', 'admin'] as const;
/** With the one that asks scanners, where there are any. */
const everyProcess = [...processNames, 'scanner'] as const;
export type ProcessName = (typeof everyProcess)[number];

export function isProcessName(name: unknown): name is ProcessName {
  return everyProcess.some((one) => one === name);
}

/** The processes of a node of that configuration, in the order in which they start. */
export function processesOf({ scanners }: Pick<NodeConfig, 'scanners'>): readonly ProcessName[] {
  return scanners.length > 0 ? everyProcess : processNames;
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
    certificate: (key: 'ca' | 'sign' | 'decrypt' | 'audit') => at('certs', `${key}.pem`),
    tlsKey: (use: 'edge' | 'link') => at('tls', `${use}.key`),
    tlsCertificate: (use: 'edge' | 'link') => at('tls', `${use}.pem`),
    peer: at('peer.trust'),
    database: at('data', 'sallyport.db'),
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

/**
 * Reads and checks what `dir` holds. Errors: HOME_MISSING, CONFIG_INVALID (all faults at once).
 */
export function readHome(dir: string): Home {
  const absolute = resolve(dir);
  const paths = homePaths(absolute);
  return { dir: absolute, paths, config: parseConfig(readConfigText(paths.config), paths.config) };
}

function readConfigText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SallyportError('HOME_MISSING', `expected a node's config at ${file}`, {
      hint: 'name the directory of a node with --dir, or make one with `sallyport init`',
      cause,
    });
  }
}
