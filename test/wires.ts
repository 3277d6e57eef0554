/** The wires of a node whose processes are all in this one: those of the supervisor, handed over directly. */
import type { ProcessName } from '@sallyport/shared/config/home.ts';
import { createSwitchboard, type HandOver } from '@sallyport/shared/processes/supervise-wires.ts';
import { createEnds, type Wires } from '@sallyport/shared/processes/wires.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface Joined {
  readonly wires: Wires;
  /** As the end of the process: it is wired with nobody any more. Whoever opened its links closes them. */
  leave(): void;
}

export interface Board {
  /** Wires a process that is another one. */
  plug(name: ProcessName, handOver: HandOver): void;
  /** Gives the wire between two that run a new pair of sockets. */
  rewire(one: ProcessName, other: ProcessName): void;
  join(name: ProcessName): Joined;
}

export function openBoard(): Board {
  const board = createSwitchboard(temporaryFolder());
  return {
    plug: board.join,
    rewire: board.cut,
    join(name) {
      const { wires, plug } = createEnds(name, (other) => board.cut(name, other));
      board.join(name, (other, socket, gone) => {
        plug(other, socket);
        gone();
      });
      return { wires, leave: () => board.leave(name) };
    },
  };
}
