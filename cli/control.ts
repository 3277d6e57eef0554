/** Asks a running node something, over the control socket of its admin process. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { controlSocket, homePaths } from '@sallyport/shared/config/home.ts';
import { asSallyportError, SallyportError } from '@sallyport/shared/errors.ts';
import type { Answer, IpcPeer } from '@sallyport/shared/processes/ipc/peer.ts';
import { connectOnce } from '@sallyport/shared/processes/ipc/socket.ts';

/** Errors: HOME_MISSING, NODE_NOT_RUNNING, and whatever the node answers. */
export async function control(
  dir: string,
  verb: string,
  head?: unknown,
  body?: Uint8Array,
): Promise<Answer> {
  const { ask, close } = await openControl(dir);
  return ask(verb, head, body).finally(close);
}

/** For many questions. Errors: as of `control`, here and of each. */
export async function openControl(dir: string): Promise<{
  ask(verb: string, head?: unknown, body?: Uint8Array): Promise<Answer>;
  close(): void;
}> {
  if (!existsSync(homePaths(dir).config)) {
    throw new SallyportError('HOME_MISSING', `expected a node in ${resolve(dir)}, got none`, {
      hint: 'name the directory of a node with --dir, or make one with `sallyport init`',
    });
  }
  const peer = await connectFrom(dir).catch((cause: unknown) => {
    throw notAnswering(dir, cause);
  });
  return {
    ask: (verb, head, body) =>
      peer.request(verb, head, body).catch((thrown: unknown) => {
        const error = asSallyportError(thrown);
        throw error.code === 'IPC_LOST' ? notAnswering(dir, error) : error;
      }),
    close: () => peer.close(),
  };
}

/**
 * The path of a socket has room for about 100 bytes, so it is named from inside the home. Connecting
 * begins at once, so this process is back where it was before anything else runs.
 */
async function connectFrom(dir: string): Promise<IpcPeer> {
  const here = process.cwd();
  process.chdir(dir);
  try {
    return connectOnce(controlSocket('.'));
  } finally {
    process.chdir(here);
  }
}

function notAnswering(dir: string, cause: unknown): SallyportError {
  return new SallyportError('NODE_NOT_RUNNING', `expected a running node in ${resolve(dir)}`, {
    hint: `start it with \`sallyport run --dir ${dir}\`; log/admin.log tells of its last end`,
    cause,
  });
}
