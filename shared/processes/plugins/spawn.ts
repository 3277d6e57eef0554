/**
 * Starts the process of the plug-ins for one command: the same code under the same confinement as in a
 * node.
 */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { type AskPlugins, createAskPlugins } from '../../plugins/ask.ts';
import type { Listed } from '../../plugins/host.ts';
import { shownText } from '../../plugins/shown.ts';
import { pluginFlags } from '../confinement.ts';
import { createPeer } from '../ipc/peer.ts';

export interface SpawnedPlugins {
  readonly pid: number;
  readonly ask: AskPlugins;
  /** Errors: PLUGIN_MISSING, PLUGIN_REFUSED. */
  list(): Promise<Listed[]>;
  close(): void;
}

/** Errors: CONFIG_INVALID for a path with a star. Authenticators get no secret here. */
export function spawnPlugins(dir: string): SpawnedPlugins {
  const folder = resolve(dir);
  const flags = pluginFlags(folder);
  const main = join(import.meta.dirname, 'alone.ts');
  const child = spawn(process.execPath, [...flags, main, folder], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: {},
  });
  const peer = createPeer(child.stdio[3] as Socket, {}, () => child.kill('SIGKILL'));
  child.once('error', () => peer.close());
  const request = async (verb: string, body?: Buffer): Promise<Buffer> =>
    (await peer.request(verb, null, body, limits.pluginAnswerMs)).body;
  return {
    pid: child.pid ?? 0,
    ask: createAskPlugins((body) => request('ask', body)),
    async list() {
      const text = (await request('list')).toString();
      const told: unknown = JSON.parse(text, (_, value) =>
        typeof value === 'string' ? shownText(value) : value,
      );
      if (Array.isArray(told)) return told as Listed[];
      throw new SallyportError('PLUGIN_FAILED', 'expected a list of plug-ins, got another');
    },
    close() {
      peer.close();
      child.kill('SIGKILL');
    },
  };
}
