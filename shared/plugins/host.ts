/**
 * The plug-ins of one folder at work: each is found by the digest of its file, loaded when it is first
 * needed, and asked beside the others. The folder is looked at again while it is used: a file that
 * changed or went is not there any more.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseJson } from '../content/json.ts';
import { asSallyportError, type ErrorCode, SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Json } from './api.ts';
import { areAnswers, type PluginKind, type WireAsk, type WireGiven } from './ask.ts';
import { type Described, optionsFault, readDescribed } from './described.ts';
import {
  type PluginFile,
  type PluginFolder,
  readPluginFolder,
  readPluginSecrets,
} from './folder.ts';
import type { SeatAsk } from './seat.ts';
import { createPluginWorker, type PluginWorker, type WorkerState } from './worker.ts';

/** One file of the folder, as `plugin list` and `plugin check` show it. */
export interface Listed {
  readonly file: string;
  readonly digest?: string;
  readonly described?: Described;
  /** What is wrong with it; none: it can be used. */
  readonly faults: readonly string[];
}

interface Tally {
  /** Questions: all values of one document are one. */
  readonly calls: number;
  /** Those that got no answer, late ones among them. */
  readonly refusals: number;
  readonly lastFault?: { readonly code: ErrorCode; readonly atMs: number };
}

/** What became of one file so far, as `status` shows it. */
export interface PluginState extends Tally {
  readonly digest: string;
  /** Absent until it was asked what it is. */
  readonly name?: string;
  readonly kind?: PluginKind;
  readonly state: WorkerState | 'refused';
  readonly timeouts: number;
}

export interface PluginHost {
  /** Answers asks in the form of the wire. Never rejects for what one plug-in does. */
  answer(body: Uint8Array): Promise<Buffer>;
  /** What lies in the folder, without running any of it. Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
  folder(): PluginFolder;
  /** All of the folder. Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
  list(): Promise<Listed[]>;
  /** Those that were asked for since they came into the folder. */
  states(): PluginState[];
  close(): Promise<void>;
}

interface Loaded {
  readonly file: PluginFile;
  readonly worker: PluginWorker;
  /** Once it said what it is, and gave what its examples want. */
  described?: Promise<Described | { readonly faults: readonly string[] }>;
  known?: Described;
  /** Options that were found to fit. */
  readonly fitting: Set<string>;
  tally: Tally;
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
      const worker = createPluginWorker(file);
      const tally = { calls: 0, refusals: 0 };
      loaded.set(digest, { file, worker, fitting: new Set(), tally });
    }
    return folder;
  };
  /** Read for each question: what was taken away is gone with the next. */
  const secretsOf = (digest: string): SeatAsk['secrets'] =>
    secretsDir === undefined ? undefined : readPluginSecrets(secretsDir, digest);
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
    one.known = described;
    if (described.kind !== kind) {
      throw new SallyportError('PLUGIN_REFUSED', `expected a ${kind}, got a ${described.kind}`);
    }
    expectFitting(one, described, options);
    if (items.length === 0) return { gives: [] };
    const text = JSON.stringify({ verb: 'ask', kind: verb, options, items });
    const secrets = described.kind === 'authenticator' ? secretsOf(digest) : undefined;
    return readGiven(await one.worker.run(text, secrets), { verb, items });
  };
  const counted = async (ask: WireAsk): Promise<WireGiven> => {
    const one = loaded.get(ask.digest);
    if (one && ask.items.length > 0) one.tally = { ...one.tally, calls: one.tally.calls + 1 };
    try {
      return await gives(ask);
    } catch (thrown) {
      const { code, message } = asSallyportError(thrown, 'PLUGIN_FAILED');
      if (one) {
        const { tally } = one;
        const lastFault = { code, atMs: Date.now() };
        one.tally = { ...tally, refusals: tally.refusals + 1, lastFault };
      }
      return { code, message };
    }
  };
  return {
    async answer(body) {
      const asks = JSON.parse(Buffer.from(body).toString()) as readonly WireAsk[];
      return Buffer.from(JSON.stringify(await Promise.all(asks.map(counted))));
    },
    states: () =>
      [...loaded.values()].map(({ file: { digest }, worker, known, tally }) => ({
        digest,
        ...(known && { name: known.name, kind: known.kind }),
        state: known || tally.refusals === 0 ? worker.state : 'refused',
        ...tally,
        timeouts: worker.timeouts,
      })),
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

/** Options are looked at once. Errors: PLUGIN_REFUSED. */
function expectFitting({ fitting }: Loaded, described: Described, options: Json): void {
  const text = JSON.stringify(options);
  if (fitting.has(text)) return;
  const fault = optionsFault(described, options);
  if (fault !== undefined) throw new SallyportError('PLUGIN_REFUSED', fault);
  if (fitting.size >= limits.pluginOptionsKept) fitting.clear();
  fitting.add(text);
}

/**
 * What a plug-in gave, read as strictly as the guard will: what is no answer must not spoil those of others
 * in the same message. Errors: PLUGIN_ANSWER.
 */
function readGiven(text: string, ask: Pick<WireAsk, 'verb' | 'items'>): WireGiven {
  const read = (): Json => {
    try {
      return parseJson(Buffer.from(text), limits.pluginAnswerBytesMax);
    } catch {
      return null;
    }
  };
  const { gives } = (read() ?? {}) as Readonly<Record<string, Json>>;
  if (Array.isArray(gives) && gives.length === ask.items.length && areAnswers(ask, gives)) {
    return { gives };
  }
  throw new SallyportError('PLUGIN_ANSWER', 'expected what its kind may give, got another');
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
