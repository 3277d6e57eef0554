/**
 * The worker of one plug-in: makes its realm, loads it there, and passes texts through the door. It runs in
 * a thread of the plug-ins process and is ended from outside when it takes too long.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { stripTypeScriptTypes } from 'node:module';
import { constants, createContext, Script, SourceTextModule } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { limits } from '../limits.ts';
import { realmText } from './realm.ts';

/** What a worker starts with. */
export interface SeatData {
  readonly source: string;
  readonly isTypeScript: boolean;
}

/** One question. */
export interface SeatAsk {
  readonly text: string;
  /** By name; what it may sign under while it answers, and no longer. */
  readonly secrets: ReadonlyMap<string, Uint8Array> | undefined;
}

/**
 * What it says: ready for texts, or the answer to one; `broken`: why there is none, without any text of
 * the plug-in.
 */
export type SeatSays =
  | { readonly ready: true }
  | { readonly text: string }
  | { readonly broken: Broken };

export type Broken = 'threw' | 'too large' | 'no module' | 'imports';

type Door = (text: string) => string;
type SecretOf = (name: string) => Uint8Array | undefined;

if (parentPort !== null) await serve(workerData as SeatData);

async function serve(data: SeatData): Promise<void> {
  // Node would look at what a plug-in throws or leaves rejected, and call it with functions of this realm.
  process.on('unhandledRejection', () => process.exit());
  process.setUncaughtExceptionCaptureCallback(() => process.exit());
  const say = (what: SeatSays): void => parentPort?.postMessage(what);
  // All code of this thread is loaded: should the plug-in get out of its realm, no file is there for it.
  process.permission?.drop('fs.read');
  process.permission?.drop('worker');
  let secrets: SeatAsk['secrets'];
  let door: Door;
  try {
    const plain = data.isTypeScript ? stripTypeScriptTypes(data.source) : data.source;
    // What import() gives is an object of this realm, whatever becomes of it.
    if (/\bimport\b/.test(plain)) return say({ broken: 'imports' });
    door = await openDoor(plain, (name) => secrets?.get(name));
  } catch {
    return say({ broken: 'no module' });
  }
  parentPort?.on('message', (ask: SeatAsk) => {
    try {
      secrets = ask.secrets;
      const made = door(ask.text);
      const fits = typeof made === 'string' && made.length <= limits.pluginAnswerBytesMax;
      say(fits ? { text: made } : { broken: 'too large' });
    } catch {
      say({ broken: 'threw' });
    } finally {
      secrets = undefined;
    }
  });
  say({ ready: true });
}

async function openDoor(plain: string, secretOf: SecretOf): Promise<Door> {
  const context = createContext(constants.DONT_CONTEXTIFY, {
    codeGeneration: { strings: false, wasm: false },
    // Promises of the plug-in go on while it is loaded and never after.
    microtaskMode: 'afterEvaluate',
  });
  const realm = new Script(realmText).runInContext(context) as (
    host: typeof toolOf,
  ) => (plugin: unknown) => Door;
  const enter = realm((name, one, other) => toolOf(name, one, other, secretOf));
  const module = new SourceTextModule(plain, { context, identifier: 'plugin' });
  await module.link(() => {
    throw new Error('expected no import but of types');
  });
  await module.evaluate();
  return enter((module.namespace as { readonly default?: unknown }).default);
}

const nobody = randomBytes(32);

/**
 * Texts in, a text out: an object of this realm must not get into the other. Undefined where it is refused;
 * a long text costs memory here, where the limits of the realm do not reach.
 */
function toolOf(
  name: string,
  one: string,
  other: string,
  secretOf: SecretOf = () => undefined,
): string | undefined {
  if (one.length + other.length > limits.pluginToolTextMax) return undefined;
  switch (name) {
    case 'sha256':
      return createHash('sha256').update(one).digest('hex');
    case 'hmac':
      // Under a secret that is not there nothing fits, and nobody learns that it is not.
      return createHmac('sha256', secretOf(one) ?? nobody)
        .update(other)
        .digest('hex');
    case 'hmac-given':
      return createHmac('sha256', one).update(other).digest('hex');
    case 'same': {
      const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest());
      return a && b && timingSafeEqual(a, b) ? 'yes' : 'no';
    }
    default:
      return undefined;
  }
}
