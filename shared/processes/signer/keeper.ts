/**
 * Keeps one key store session alive: opens it, proves it by really signing, opens it anew when it is
 * lost. A lost token still answers session queries, so nothing but a signature counts as health.
 *
 *   start ▶ open ▶ prove ──ok──▶ healthy ──probe or request fails──▶ lost ──backoff──▶ open …
 */
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { asSallyportError, type ErrorCode, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Hsm, KeyName } from '../../ports.ts';

/** The keys that a running node uses. The CA key signs certificates at init only, offline. */
const runtimeKeys = ['sign', 'audit', 'decrypt'] as const satisfies readonly KeyName[];
export type RuntimeKey = (typeof runtimeKeys)[number];

export interface KeeperState {
  readonly ok: boolean;
  readonly kind: Hsm['kind'] | undefined;
  readonly description: string;
  /** Since when `ok` is what it is, Unix milliseconds. */
  readonly sinceMs: number;
  /** Duration of the last proof, milliseconds. */
  readonly tookMs: number | undefined;
  /** The last failure, kept after healing. */
  readonly lastError: ErrorCode | undefined;
  readonly opens: number;
}

export interface KeeperOptions {
  readonly open: () => Promise<Hsm>;
  readonly labels: Readonly<Record<KeyName, string>>;
  /** `thrown` is what made it ill, where it is ill. */
  readonly onChange: (state: KeeperState, thrown?: unknown) => void;
}

export interface Keeper {
  readonly state: KeeperState;
  /** Runs one operation. HSM_LOST at once while there is no session; a failure starts healing. */
  use<T>(operation: (hsm: Hsm) => Promise<T>): Promise<T>;
  /** Really signs and verifies, now. */
  prove(): Promise<KeeperState>;
  close(): Promise<void>;
}

const probeDomain = 'sallyport signer health probe v1\0';

export function createKeeper({ open, labels, onChange }: KeeperOptions): Keeper {
  let hsm: Hsm | undefined;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;
  let stopped = false;
  let losses = 0;
  let state: KeeperState = {
    ok: false,
    kind: undefined,
    description: 'no key store opened yet',
    sinceMs: Date.now(),
    tookMs: undefined,
    lastError: undefined,
    opens: 0,
  };

  const change = (ok: boolean, part: Partial<KeeperState>, thrown?: unknown): void => {
    const flipped = ok !== state.ok;
    const isNews = flipped || (part.lastError !== undefined && part.lastError !== state.lastError);
    state = { ...state, ...part, ok, sinceMs: flipped ? Date.now() : state.sinceMs };
    if (isNews) onChange(state, thrown);
  };
  /** Opens what is not open, and makes sure that every key is there. */
  const reopen = async (): Promise<Hsm> => {
    if (hsm) await hsm.reopen();
    else hsm = await open();
    state = { ...state, opens: state.opens + 1 };
    for (const name of runtimeKeys) await hsm.publicKey(labels[name]);
    return hsm;
  };
  const lose = (thrown: unknown): void => {
    losses += 1;
    change(false, { lastError: asSallyportError(thrown, 'HSM_LOST').code }, thrown);
  };
  /** One round: heal where lost, then prove. Only a session that stays well clears the backoff. */
  const round = async (): Promise<void> => {
    const wasOk = state.ok;
    try {
      const open = wasOk && hsm ? hsm : await reopen();
      const tookMs = await signForReal(open, labels.sign);
      change(true, { kind: open.kind, description: open.description, tookMs });
      if (wasOk) losses = 0;
    } catch (thrown) {
      lose(thrown);
    }
  };
  const schedule = (afterMs: number): void => {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(run, afterMs);
  };
  const run = (): Promise<void> => {
    working ??= round().finally(() => {
      working = undefined;
      schedule(state.ok ? limits.signerProbeMs : backoffMs(losses, state.lastError));
    });
    return working;
  };
  void run();

  return {
    get state() {
      return state;
    },
    async use(operation) {
      if (!hsm || !state.ok) {
        throw new SallyportError('HSM_LOST', `the key store is not open: ${state.lastError}`);
      }
      try {
        return await operation(hsm);
      } catch (thrown) {
        const error = asSallyportError(thrown, 'HSM_LOST');
        // HSM_KEY is about this one request; the next probe finds out whether there is more to it
        if (error.code !== 'HSM_KEY') {
          if (!working) schedule(backoffMs(losses, error.code));
          lose(error);
        }
        throw error;
      }
    },
    async prove() {
      if (state.ok) await run();
      return state;
    },
    async close() {
      stopped = true;
      clearTimeout(timer);
      await working;
      await hsm?.close();
    },
  };
}

/** The first loss is healed at once, later ones ever more slowly. */
function backoffMs(losses: number, code: ErrorCode | undefined): number {
  // a wrong PIN tried again and again would lock the token for ever
  if (code === 'HSM_PIN') return limits.signerPinRetryMs;
  if (losses === 0) return 0;
  return Math.min(limits.signerReopenFirstMs * 2 ** (losses - 1), limits.signerReopenMaxMs);
}

/** Signs a digest that no package can have, and verifies it. Returns milliseconds. */
async function signForReal(hsm: Hsm, label: string): Promise<number> {
  const startMs = performance.now();
  const message = Buffer.concat([Buffer.from(probeDomain), randomBytes(32)]);
  const digest = createHash('sha256').update(message).digest();
  const signature = await hsm.sign(label, digest);
  const tookMs = Math.round((performance.now() - startMs) * 1000) / 1000;
  const key = createPublicKey({
    key: await hsm.publicKey(label),
    format: 'raw-public',
    asymmetricKeyType: 'ec',
    namedCurve: 'P-256',
  });
  if (verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)) return tookMs;
  throw new SallyportError('HSM_LOST', "expected the key's own signature, got another");
}
