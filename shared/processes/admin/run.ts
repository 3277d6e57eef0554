/**
 * The admin process: health and metrics over HTTP, and the control socket of the command line.
 * It holds no key and sees no content; what it may ask of the guard is listed below.
 */
import { controlSocket, processesOf } from '../../config/home.ts';
import type { Running } from '../child.ts';
import type { Handlers } from '../ipc/peer.ts';
import { listen } from '../ipc/socket.ts';
import type { Log } from '../log.ts';
import type { Wires } from '../wires.ts';
import { connectAll } from './ask.ts';
import { listenHttp } from './http.ts';
import { createMetrics } from './metrics.ts';
import { checkReady } from './ready.ts';
import { type AdminOptions, gatherStatus } from './status.ts';

/** Verbs that the control socket hands to the guard as they are. */
const guardVerbs = [
  'policy-apply',
  'policy-show',
  'policy-history',
  'policy-plan',
  'policy-approve',
  'policy-plan-apply',
  'policy-withdraw',
  'policy-plans',
  'policy-plan-show',
  'credentials-apply',
  'credentials-used',
  'audit-blocks',
  'exchanges',
  'token-reverse',
  'mask-records',
] as const;

/** Errors: ADDRESS_IN_USE, CONFIG_INVALID (an address that is not of this machine), IPC_LOST. */
export async function runAdmin(
  options: AdminOptions & { readonly wires: Wires; readonly log: Log },
): Promise<Running> {
  const { dir, config, peer, log } = options;
  const asking = connectAll(options.wires, processesOf(config));
  const handlers: Handlers = {
    status: async () => ({ head: await gatherStatus(options, asking) }),
    ...Object.fromEntries(
      guardVerbs.map((verb) => [
        verb,
        (head: unknown, body: Buffer) => {
          log.info({ verb }, 'control');
          return asking.ask('guard', verb, head, body);
        },
      ]),
    ),
  };
  const opened: (() => Promise<unknown>)[] = [async () => asking.close()];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((end) => end()));
  };
  try {
    const server = await listenHttp(config.management, {
      ready: () => checkReady(peer !== undefined, asking),
      metrics: createMetrics(dir, asking),
    });
    opened.push(() => {
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    });
    const socket = await listen(controlSocket(dir), handlers);
    opened.push(socket.close);
    return { close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
