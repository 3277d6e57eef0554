/**
 * The signer process: the only one that holds a key store session. It takes two small fixed requests
 * (sign a digest, derive a shared secret), and is up and answering even while the token is missing.
 */
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { asSallyportError } from '../../errors.ts';
import type { Hsm, KeyName } from '../../ports.ts';
import type { TellTrouble } from '../child.ts';
import type { Handlers } from '../ipc/peer.ts';
import type { Wire } from '../ipc/wire.ts';
import { createKeeper, type KeeperState, type RuntimeKey } from './keeper.ts';
import { createSignerMetrics } from './metrics.ts';
import { readRequest, type SignerVerb } from './request.ts';

export interface SignerOptions {
  /** May have digests signed and secrets derived. */
  readonly guard: Wire;
  /** May ask how the signer is. */
  readonly admin: Wire;
  /** Opens the key store; called again until it succeeds once, after that the Hsm reopens itself. */
  readonly open: () => Promise<Hsm>;
  readonly labels: Readonly<Record<KeyName, string>>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Hears why the key store does not sign, and when it does. */
  readonly tellTrouble?: TellTrouble;
}

/** What `health` and `status` answer. */
export interface SignerHealth extends KeeperState {
  readonly process: 'signer';
  readonly signs: number;
  readonly derives: number;
}

/**
 * Answers until closed: the guard `sign` and `derive`, admin `health` (signs now), `status` (what the last
 * proof said) and `metrics`. Errors of a request: IPC_FRAME, IPC_VERB, HSM_KEY, HSM_LOST.
 */
export async function runSigner(options: SignerOptions): Promise<{ close(): Promise<void> }> {
  const { labels, open } = options;
  const metrics = createSignerMetrics();
  const counts = { sign: 0, derive: 0 };
  const keeper = createKeeper({
    open,
    labels,
    onChange: (state, thrown) => report(options, state, thrown),
  });

  const serve = async (
    verb: SignerVerb,
    head: unknown,
    body: Buffer,
    operation: (hsm: Hsm, label: string) => Promise<Buffer>,
  ) => {
    try {
      const key: RuntimeKey = readRequest(verb, head, body);
      const startMs = performance.now();
      const answer = await keeper.use((hsm) => operation(hsm, labels[key]));
      metrics.done(verb, key, performance.now() - startMs);
      counts[verb] += 1;
      return { body: answer };
    } catch (thrown) {
      metrics.failed(verb, asSallyportError(thrown).code);
      throw thrown;
    }
  };
  const health = (state: KeeperState): SignerHealth => ({
    process: 'signer',
    ...state,
    signs: counts.sign,
    derives: counts.derive,
  });
  const forGuard: Handlers = {
    sign: (head, body) => serve('sign', head, body, (hsm, label) => hsm.sign(label, body)),
    derive: (head, body) => serve('derive', head, body, (hsm, label) => hsm.derive(label, body)),
  };
  const forAdmin: Handlers = {
    health: async () => ({ head: health(await keeper.prove()) }),
    status: () => ({ head: health(keeper.state) }),
    metrics: async () => ({ head: await metrics.json(keeper.state) }),
  };
  const links = [options.guard(forGuard), options.admin(forAdmin)];
  return {
    async close() {
      for (const link of links) link.close();
      await keeper.close();
    },
  };
}

function report(
  { log, tellTrouble }: SignerOptions,
  { ok, description, kind, opens }: KeeperState,
  thrown: unknown,
): void {
  if (ok) {
    log.info({ description, opens }, 'key store open');
    tellTrouble?.(undefined);
  } else {
    const err = asSallyportError(thrown, 'HSM_LOST');
    // Only a key store that has signed has a kind.
    log.warn({ err, opens }, kind === undefined ? 'key store not open' : 'key store lost');
    tellTrouble?.(err);
  }
}
