/**
 * The sending half of a directory channel: drops packages into a folder that a ferry, a gap device
 * or a network share empties. A package is there under its name whole, or not at all.
 */
import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { asSallyportError, SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ChannelSender, ChannelStatus } from '../../ports.ts';
import type { SenderEvents } from '../events.ts';
import { checkSize, createSpoolRoom, type SpoolBounds } from '../room.ts';
import { cleanSpool, parseSpoolName } from '../spool.ts';
import { copyPackage } from './copy.ts';

export interface DirectorySenderOptions {
  readonly dropDir: string;
  readonly events: SenderEvents;
  readonly bounds?: SpoolBounds;
}

/**
 * Looks at the folder every directorySweepMs, so that a share that went away and came back is
 * noticed. `send` rejects with CHANNEL_LOST where the folder cannot be used, CHANNEL_FULL where
 * nobody empties it, CHANNEL_FRAME for a file that is no package.
 */
export function createDirectorySender(options: DirectorySenderOptions): ChannelSender {
  const { dropDir, events, bounds = limits } = options;
  const room = createSpoolRoom(dropDir, bounds);
  const counted = { packages: 0, bytes: 0, lastMs: undefined as number | undefined };
  let state: ChannelStatus['state'] = 'connecting';
  let detail = 'not looked at yet';
  let everUp = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const isUp = (): void => {
    if (state === 'up' || closed) return;
    state = 'up';
    detail = `drops into ${dropDir}`;
    // What was dropped is on the disk of the folder: only a new process does not know what it
    // dropped.
    events.up(everUp);
    everUp = true;
  };
  const isDown = (error: SallyportError): void => {
    detail = `${error.code}: ${error.message}`;
    if (state === 'down' || closed) return;
    state = 'down';
    events.down(error);
  };
  const look = async (): Promise<void> => {
    try {
      await access(dropDir, constants.W_OK | constants.X_OK);
      if (!everUp) await cleanSpool(dropDir);
      isUp();
    } catch (cause) {
      isDown(unusable(dropDir, cause));
    }
    if (!closed) timer = setTimeout(look, limits.directorySweepMs);
  };
  void look();

  return {
    async send(file) {
      const name = basename(file);
      if (!parseSpoolName(name)) {
        throw new SallyportError('CHANNEL_FRAME', `expected a spool name, got ${name}`);
      }
      if (state !== 'up') throw new SallyportError('CHANNEL_LOST', detail);
      const source = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
      try {
        const { size } = await source.stat();
        checkSize(size);
        if (!(await room.take(size).catch(() => true))) {
          const hint = 'see whether the ferry still empties the folder';
          throw new SallyportError('CHANNEL_FULL', `expected room in ${dropDir}`, { hint });
        }
        await copyPackage(source, size, dropDir, name);
        counted.packages += 1;
        counted.bytes += size;
        counted.lastMs = Date.now();
      } catch (thrown) {
        const error = asSallyportError(thrown);
        throw error.code === 'INTERNAL' ? unusable(dropDir, error) : error;
      } finally {
        await source.close();
      }
    },
    status: () => ({ kind: 'directory', state, detail, ...counted }),
    async close() {
      closed = true;
      clearTimeout(timer);
      state = 'down';
      detail = 'closed';
    },
  };
}

function unusable(dropDir: string, cause: unknown): SallyportError {
  const hint = 'see whether the folder is mounted and writable for the mover';
  return new SallyportError('CHANNEL_LOST', `expected a writable folder ${dropDir}`, {
    hint,
    cause,
  });
}
