/**
 * What each process of a node may touch, as flags of Node's permission model. docs/spec/processes.md has the
 * table, docs/threat-model.md what this model cannot do.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { NodeConfig } from '../config/config.ts';
import { type Home, homePaths, type ProcessName } from '../config/home.ts';
import { SallyportError } from '../errors.ts';

/** Absolute paths; a folder stands for all that is in it. What may be written may be read. */
interface Files {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** What only some processes may do. None may start programs. */
export interface Powers {
  readonly net: boolean;
  readonly addons: boolean;
  /** Threads. */
  readonly workers: boolean;
}

/** Flags that hold for every process, whatever it may touch. */
const always = [
  '--permission',
  // It opens any file, permission or not.
  '--no-experimental-sqlite',
  // Of add-ons, and that the network's flag is young: said in the threat model, not in each log.
  '--disable-warning=PERM0001',
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=PERM0006',
];

/** Of the process that runs the code of others, in realms of the worker threads that it starts. */
const realms = [
  '--allow-worker',
  '--experimental-vm-modules',
  // Should something of a plug-in reach the realm around its own.
  '--disallow-code-generation-from-strings',
];

/** For the command line, where a folder is tried without a node. Errors: as confinementFlags. */
export function pluginFlags(dir: string): string[] {
  const read = [...codeFolders(), dir].map((path) => `--allow-fs-read=${exact(path)}`);
  return [...always, ...realms, ...read];
}

/**
 * The flags with which the supervisor starts the process `name` of the node in `home`.
 * Errors: CONFIG_INVALID where a path in the configuration would be read as a pattern.
 */
export function confinementFlags(name: ProcessName, home: Home): string[] {
  const { read, write } = filesOf(name, home);
  const { net, addons, workers } = powersOf(name, home.config);
  return [
    ...always,
    ...(workers ? realms : []),
    ...[...read, ...write].map((path) => `--allow-fs-read=${exact(path)}`),
    ...write.map((path) => `--allow-fs-write=${exact(path)}`),
    ...(net ? ['--allow-net'] : []),
    ...(addons ? ['--allow-addons'] : []),
  ];
}

export function powersOf(name: ProcessName, { channel, hsm }: NodeConfig): Powers {
  const hasLink = channel.send.kind === 'link' || channel.receive.kind === 'link';
  return {
    net: netAlways.has(name) || (name === 'mover' && hasLink),
    addons: name === 'guard' || (name === 'signer' && hsm.kind === 'pkcs11'),
    workers: name === 'plugins',
  };
}

const netAlways: ReadonlySet<ProcessName> = new Set(['edge', 'admin', 'scanner']);

/** What is in the home counts by its real path, for that is the working directory of the processes. */
function filesOf(name: ProcessName, { dir, config }: Home): Files {
  const home = realpathSync(dir);
  const paths = homePaths(home);
  const own = files[name](paths, config, (path) => resolve(home, path));
  const code = [...codeFolders(), join(root, `${config.role}-node`)];
  return { read: [...code, ...ofMetrics, paths.config, ...own.read], write: own.write };
}

type FilesOf = (
  paths: ReturnType<typeof homePaths>,
  config: NodeConfig,
  at: (path: string) => string,
) => Files;

const certificates = ['ca', 'sign', 'decrypt', 'audit'] as const;

const files: Readonly<Record<ProcessName, FilesOf>> = {
  signer: ({ keyspec }, { hsm }, at) => ({
    read: [
      join(root, 'hsm'),
      keyspec,
      ...pinPath(hsm.pinFile, at),
      ...(hsm.kind === 'soft' ? [at(hsm.file)] : []),
    ],
    write: [],
  }),
  guard: (paths) => ({
    read: [paths.peer, ...certificates.map(paths.certificate)],
    write: [
      dirname(paths.database),
      ...[paths.spoolOut, paths.spoolIn, paths.spoolRefused, paths.archiveOut, paths.archiveIn],
    ],
  }),
  edge: (paths, { edge, upstreams }, at) => ({
    read: [
      ...(edge.listen && edge.tls ? [paths.tlsKey('edge'), paths.tlsCertificate('edge')] : []),
      ...(upstreams.ca === undefined ? [] : [at(upstreams.ca)]),
    ],
    write: [],
  }),
  mover: (paths, { channel: { send, receive } }, at) => ({
    read: [
      ...[paths.peer, paths.certificate('ca')],
      ...[paths.tlsKey('link'), paths.tlsCertificate('link')],
    ],
    write: [
      paths.spoolOut,
      paths.spoolIn,
      ...[send, receive].flatMap((half) => (half.kind === 'directory' ? [at(half.dir)] : [])),
    ],
  }),
  scanner: () => ({ read: [], write: [] }),
  plugins: (paths, { plugins }, at) => ({
    read: plugins === undefined ? [] : [at(plugins.dir), paths.pluginSecrets],
    write: [],
  }),
  admin: (paths) => ({
    read: [
      paths.peer,
      paths.processes,
      ...certificates.map(paths.certificate),
      ...(['edge', 'link'] as const).map(paths.tlsCertificate),
    ],
    write: [join(paths.run, controlFiles)],
  }),
};

const root = resolve(import.meta.dirname, '../..');

/** The control socket, and the name under which it is bound first. */
const controlFiles = 'admin.sock*';

/** What a process counts about itself. */
const ofMetrics = ['/proc/self/status', '/proc/self/limits', '/proc/self/fd'];

/** What every process loads. node_modules lies here or, in an installation, further up. */
function codeFolders(): string[] {
  const modules: string[] = [];
  for (let at = root; ; at = dirname(at)) {
    const folder = join(at, 'node_modules');
    if (existsSync(folder)) modules.push(folder);
    if (at === dirname(at)) break;
  }
  return [...modules, join(root, 'package.json'), join(root, 'shared')];
}

/** The file that hsm/pin.ts will open; none where systemd gave no credential. */
function pinPath(pinFile: string, at: (path: string) => string): string[] {
  const prefix = 'credential:';
  if (!pinFile.startsWith(prefix)) return [at(pinFile)];
  const directory = process.env.CREDENTIALS_DIRECTORY;
  return directory === undefined ? [] : [join(directory, pinFile.slice(prefix.length))];
}

/** A star in a path would let in whatever begins with what is before it. */
function exact(path: string): string {
  const plain = path.endsWith(`/${controlFiles}`) ? path.slice(0, -1) : path;
  if (!plain.includes('*')) return path;
  throw new SallyportError('CONFIG_INVALID', `expected a path without *, got ${plain}`, {
    hint: 'rename the directory, or name another in config.yaml',
  });
}
