/**
 * The plug-ins of one folder at work: each is found by the digest of its file, loaded when it is first
 * needed, and asked beside the others. The folder is looked at again while it is used: a file that
 * changed or went is not there any more.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { asSallyportError, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { WireAsk, WireGiven } from './ask.ts';
import { type Described, optionsFault, readDescribed } from './described.ts';
import {
  type PluginFile,
  type PluginFolder,
  readPluginFolder,
  readPluginSecrets,
} from './folder.ts';
import { createPluginWorker, type PluginWorker } from './worker.ts';

/** One file of the folder, as `plugin list` and `plugin check` show it. */
export interface Listed {
  readonly file: string;
  readonly digest?: string;
  readonly described?: Described;
  /** What is wrong with it; none: it can be used. */
  readonly faults: readonly string[];
}

export interface PluginHost {
  /** Answers asks in the form of the wire. Never rejects for what one plug-in does. */
  answer(body: Uint8Array): Promise<Buffer>;
  /** What lies in the folder, without running any of it. Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
  folder(): PluginFolder;
  /** All of the folder. Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
  list(): Promise<Listed[]>;
  close(): Promise<void>;
}

interface Loaded {
  readonly file: PluginFile;
  readonly worker: PluginWorker;
  /** Once it said what it is, and gave what its examples want. */
  described?: Promise<Described | { readonly faults: readonly string[] }>;
  /** Options that were found to fit. */
  readonly fitting: Set<string>;
}

export function createPluginHost(dir: string, secretsDir: string | undefined): PluginHost {
  const loaded = new Map<string, Loaded>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let seen = '';
  let wrong: unknown;

  /** Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
  const look = (): PluginFolder => {
    const folder = readPluginFolder(dir);
    const there = new Map(folder.files.map((file) => [file.digest, file]));
    for (const [digest, { worker }] of loaded) {
      if (there.has(digest)) continue;
      loaded.delete(digest);
      void worker.close();
    }
    for (const [digest, file] of there) {
      if (loaded.has(digest)) continue;
      const secrets = secretsDir === undefined ? new Map() : readPluginSecrets(secretsDir);
      loaded.set(digest, { file, worker: createPluginWorker(file, secrets), fitting: new Set() });
    }
    return folder;
  };
  const dismiss = async (): Promise<void> => {
    const workers = [...loaded.values()].map(({ worker }) => worker.close());
    loaded.clear();
    await Promise.all(workers);
  };
  const lookAgain = (): void => {
    if (performance.now() >= lookedAtMs + limits.pluginLookMs) {
      lookedAtMs = performance.now();
      const now = signOf(dir);
      if (now !== seen) {
        seen = now;
        wrong = undefined;
        try {
          look();
        } catch (thrown) {
          wrong = thrown;
          void dismiss();
        }
      }
    }
    if (wrong !== undefined) throw wrong;
  };
  const describe = (one: Loaded): NonNullable<Loaded['described']> => {
    one.described ??= one.worker.run('{"verb":"describe"}').then(readDescribed);
    // What failed is tried again by who asks next.
    one.described.catch(() => delete one.described);
    return one.described;
  };
  const gives = async ({ digest, kind, options, verb, items }: WireAsk): Promise<WireGiven> => {
    lookAgain();
    const one = loaded.get(digest);
    if (one === undefined) {
      throw new SallyportError('PLUGIN_MISSING', `expected a file of digest ${digest}, got none`);
    }
    const described = await describe(one);
    if ('faults' in described) {
      throw new SallyportError('PLUGIN_REFUSED', `expected a sound plug-in, got faults`);
    }
    if (described.kind !== kind) {
      throw new SallyportError('PLUGIN_REFUSED', `expected a ${kind}, got a ${described.kind}`);
    }
    const text = JSON.stringify(options);
    if (!one.fitting.has(text)) {
      const fault = optionsFault(described, options);
      if (fault !== undefined) throw new SallyportError('PLUGIN_REFUSED', fault);
      if (one.fitting.size >= limits.pluginOptionsKept) one.fitting.clear();
      one.fitting.add(text);
    }
    if (items.length === 0) return { gives: [] };
    const given = await one.worker.run(JSON.stringify({ verb: 'ask', kind: verb, options, items }));
    return JSON.parse(given) as WireGiven;
  };
  return {
    async answer(body) {
      const asks = JSON.parse(Buffer.from(body).toString()) as readonly WireAsk[];
      const given = await Promise.all(
        asks.map((ask) =>
          gives(ask).catch((thrown): WireGiven => {
            const { code, message } = asSallyportError(thrown, 'PLUGIN_FAILED');
            return { code, message };
          }),
        ),
      );
      return Buffer.from(JSON.stringify(given));
    },
    folder: () => readPluginFolder(dir),
    async list() {
      const { files, faults } = look();
      const listed = files.map(async ({ file, digest }): Promise<Listed> => {
        const one = loaded.get(digest);
        const about = { file: basename(file), digest };
        try {
          const described = one && (await describe(one));
          if (described === undefined) return { ...about, faults: ['expected it in the folder'] };
          if ('faults' in described) return { ...about, ...described };
          return { ...about, described, faults: [] };
        } catch (thrown) {
          return { ...about, faults: [asSallyportError(thrown).message] };
        }
      });
      const unread = faults.map(({ file, fault }): Listed => ({ file, faults: [fault] }));
      return [...(await Promise.all(listed)), ...unread];
    },
    close: dismiss,
  };
}

/** Differs where anything of the folder may: names, owners, modes, sizes, times. */
function signOf(dir: string): string {
  try {
    const of = (path: string): string => {
      const { ino, mode, uid, size, mtimeMs, ctimeMs } = lstatSync(path);
      return [ino, mode, uid, size, mtimeMs, ctimeMs].join(' ');
    };
    return [dir, ...readdirSync(dir).map((name) => join(dir, name))].map(of).join('\n');
  } catch {
    return 'none';
  }
}
