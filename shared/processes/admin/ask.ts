/** The admin process asks the others; any of them may be away. */
import type { ProcessName } from '../../config/home.ts';
import { asSallyportError, type ErrorCode, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Answer } from '../ipc/peer.ts';
import type { IpcLink } from '../ipc/wire.ts';
import type { Wires } from '../wires.ts';

const noBody = new Uint8Array(0);

export interface Asking {
  /** The processes that admin asks: all of the node but itself. */
  readonly names: readonly ProcessName[];
  /** Errors: the process's own, IPC_LOST where it is away, IPC_TIMEOUT. */
  ask(process: ProcessName, verb: string, head?: unknown, body?: Uint8Array): Promise<Answer>;
  /** As `try`, with the code of the failure. */
  told(process: ProcessName, verb: string): Promise<Answer | ErrorCode>;
  /** As `ask`, with undefined for any failure: what is away is shown, not thrown. */
  try(process: ProcessName, verb: string): Promise<Answer | undefined>;
  close(): void;
}

/** Takes the wires to the other processes into use; none of them may ask admin anything. */
export function connectAll(wires: Wires, processes: readonly ProcessName[]): Asking {
  const links = new Map<ProcessName, IpcLink>();
  const names = processes.filter((name) => name !== 'admin');
  for (const name of names) links.set(name, wires(name)());
  return {
    names,
    async ask(name, verb, head, body) {
      const link = links.get(name);
      if (!link) throw new SallyportError('IPC_VERB', `expected another process, got ${name}`);
      return await link.request(verb, head, body);
    },
    async told(name, verb) {
      const asked = links.get(name)?.request(verb, null, noBody, limits.adminAskTimeoutMs);
      return (await asked?.catch((thrown) => asSallyportError(thrown).code)) ?? 'IPC_VERB';
    },
    async try(name, verb) {
      const asked = links.get(name)?.request(verb, null, noBody, limits.adminAskTimeoutMs);
      return await asked?.catch(() => undefined);
    },
    close: () => {
      for (const link of links.values()) link.close();
    },
  };
}
