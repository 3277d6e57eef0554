/**
 * Who is connected with whom in a node, and a process's own ends of it:
 *
 *      edge ───┐         ┌── signer
 *     mover ───┼── guard ┤
 *     admin ───┘         ├── scanner
 *                        └── plugins     and admin with each, for status and metrics
 *
 * The supervisor makes the sockets and hands them over on the channel that it has with each process it
 * starts. That channel goes one way: what a process says there gets it killed.
 */
import { Socket } from 'node:net';
import { isProcessName, type ProcessName } from '../config/home.ts';
import { SallyportError } from '../errors.ts';
import { createWireEnd, type Wire, type WireEnd } from './ipc/wire.ts';

export type WireName = readonly [ProcessName, ProcessName];

/** Every wire of a node. What is not here cannot talk to each other. */
export const wirePlan: readonly WireName[] = [
  ['edge', 'guard'],
  ['mover', 'guard'],
  ['admin', 'guard'],
  ['guard', 'signer'],
  ['guard', 'scanner'],
  ['guard', 'plugins'],
  ['admin', 'signer'],
  ['admin', 'edge'],
  ['admin', 'mover'],
  ['admin', 'scanner'],
  ['admin', 'plugins'],
];

/** What the supervisor says with each socket that it hands over. */
export interface Handover {
  readonly wire: ProcessName;
}

/** The wire to another process. INTERNAL where the plan has none. */
export type Wires = (other: ProcessName) => Wire;

/** The processes that `name` has a wire with. */
export function neighbours(name: ProcessName): ProcessName[] {
  return wirePlan.flatMap(([a, b]) => (a === name ? [b] : b === name ? [a] : []));
}

/** Asks for a new socket on the wire to `other`. */
export type TellCut = (other: ProcessName) => void;

/** This process's ends of its wires, with the sockets that its supervisor hands over. */
export function inheritWires(name: ProcessName, tellCut: TellCut): Wires {
  const { wires, plug } = createEnds(name, tellCut);
  process.on('message', (message: unknown, socket: unknown) => {
    const other = (message as Partial<Handover> | null)?.wire;
    if (!(socket instanceof Socket)) return;
    if (isProcessName(other)) plug(other, socket);
    else socket.destroy();
  });
  return wires;
}

export interface Ends {
  readonly wires: Wires;
  /** Gives the wire to `other` a socket; one that is not in the plan is closed. */
  plug(other: ProcessName, socket: Socket): void;
}

/** The ends that the process `name` has by the plan. */
export function createEnds(name: ProcessName, tellCut: TellCut): Ends {
  const ends = new Map<ProcessName, WireEnd>();
  for (const other of neighbours(name)) {
    const end = createWireEnd(other, () => tellCut(other));
    ends.set(other, end);
  }
  return {
    wires(other) {
      const end = ends.get(other);
      if (end) return end.open;
      throw new SallyportError('INTERNAL', `expected a wire from ${name} to ${other} in the plan`);
    },
    plug(other, socket) {
      const end = ends.get(other);
      if (end) end.plug(socket);
      else socket.destroy();
    },
  };
}
