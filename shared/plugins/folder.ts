/** The folder of plug-ins: which files count, and what exactly was hashed is what runs. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  type Stats,
} from 'node:fs';
import { extname, join } from 'node:path';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';

/** One plug-in as it lies in the folder. */
export interface PluginFile {
  readonly file: string;
  /** SHA-256, hex. */
  readonly digest: string;
  readonly source: string;
  readonly isTypeScript: boolean;
}

export interface PluginFolder {
  readonly files: readonly PluginFile[];
  /** What is wrong with the others. */
  readonly faults: readonly { readonly file: string; readonly fault: string }[];
}

const extensions: Readonly<Record<string, boolean>> = {
  '.ts': true,
  '.mts': true,
  '.js': false,
  '.mjs': false,
};

/**
 * By name; a single file stands for a folder with it. Errors: PLUGIN_MISSING where there is none,
 * PLUGIN_REFUSED where others may write in it.
 */
export function readPluginFolder(dir: string): PluginFolder {
  let names: string[];
  try {
    const stats = lstatSync(dir);
    expectOwn(stats, dir);
    if (stats.isFile()) return { files: [readPluginFile(dir)], faults: [] };
    names = readdirSync(dir).filter((name) => Object.hasOwn(extensions, extname(name)));
  } catch (thrown) {
    if (thrown instanceof SallyportError) throw thrown;
    throw new SallyportError('PLUGIN_MISSING', `expected a folder of plug-ins at ${dir}`, {
      hint: 'name it under plugins.dir of config.yaml, or with --plugins',
      cause: thrown,
    });
  }
  if (names.length > limits.pluginFilesMax) {
    throw refused(`at most ${limits.pluginFilesMax} plug-ins in ${dir}, got ${names.length}`);
  }
  const files: PluginFile[] = [];
  const faults: { file: string; fault: string }[] = [];
  for (const file of names.toSorted()) {
    try {
      files.push(readPluginFile(join(dir, file)));
    } catch (thrown) {
      faults.push({ file, fault: asSallyportError(thrown).message });
    }
  }
  return { files, faults };
}

/** Read once. Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
export function readPluginFile(path: string): PluginFile {
  const isTypeScript = extensions[extname(path)];
  if (isTypeScript === undefined) throw refused('a file .ts, .mts, .js or .mjs, got another');
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw new SallyportError('PLUGIN_MISSING', `expected a plug-in at ${path}, no link`, { cause });
  }
  try {
    const stats = fstatSync(descriptor);
    expectOwn(stats, path);
    if (!stats.isFile()) throw refused(`a regular file at ${path}`);
    if (stats.size > limits.pluginBytesMax) {
      throw refused(`at most ${limits.pluginBytesMax} bytes in ${path}, got ${stats.size}`);
    }
    const bytes = readFileSync(descriptor);
    const source = bytes.toString('utf8');
    if (!Buffer.from(source).equals(bytes)) throw refused(`UTF-8 in ${path}`);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { file: path, digest, source, isTypeScript };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Secrets of one authenticator, by file name: those in the folder that is named by its digest. What is too
 * open, too short or too long is left out.
 */
export function readPluginSecrets(secretsDir: string, digest: string): Map<string, Buffer> {
  const dir = join(secretsDir, digest);
  const secrets = new Map<string, Buffer>();
  let names: string[] = [];
  try {
    expectOwn(lstatSync(dir), dir);
    names = readdirSync(dir).slice(0, limits.pluginSecretsMax);
  } catch {
    return secrets;
  }
  for (const name of names) {
    const path = join(dir, name);
    const { mode, uid, size } = lstatSync(path);
    const isPrivate = isRegular(mode) && (mode & 0o077) === 0 && isOurs(uid);
    if (!isPrivate || size < secretBytesMin || size > secretBytesMax) continue;
    secrets.set(name, readFileSync(path));
  }
  return secrets;
}

const secretBytesMin = 16;
const secretBytesMax = 1024;

const isRegular = (mode: number): boolean => (mode & constants.S_IFMT) === constants.S_IFREG;
const isOurs = (uid: number): boolean => uid === 0 || uid === process.getuid?.();

function expectOwn({ mode, uid }: Stats, path: string): void {
  if (!isOurs(uid)) throw refused(`${path} to belong to the user of the node or to root`);
  if ((mode & 0o022) !== 0) throw refused(`${path} to be writable by its owner alone`);
}

function refused(expected: string): SallyportError {
  return new SallyportError('PLUGIN_REFUSED', `expected ${expected}`, {
    hint: 'docs/operating/plugins.md says how a plug-in is installed',
  });
}
