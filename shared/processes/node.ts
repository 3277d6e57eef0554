/**
 * Starts one of the processes of a node. Each loads its own code and nothing else: what a mover
 * never loads it cannot be made to run. The node's main.ts says what makes it outer or inner.
 */
import type { NodeConfig } from '../config/config.ts';
import { givenHome } from '../config/given-home.ts';
import { type Home, type ProcessName, processesOf } from '../config/home.ts';
import { SallyportError } from '../errors.ts';
import type { Hsm, KeyName } from '../ports.ts';
import { failStart, type Running, reportCut, runChild } from './child.ts';
import { expectConfined } from './confined.ts';
import type { GuardContext, Journey } from './guard/context.ts';
import { createLog, type Log } from './log.ts';
import { inheritWires, type Wires } from './wires.ts';

/** What makes a node outer or inner, and what this package must not know: how to open an HSM. */
export interface NodeParts {
  readonly journey: () => Promise<(node: GuardContext) => Journey>;
  readonly openHsm: (config: NodeConfig['hsm']) => Promise<Hsm>;
  /** Labels of the node's keys, from its keyspec. */
  readonly labels: (keyspec: string, node: string) => Promise<Record<KeyName, string>>;
}

/** What a process starts with. Its home is its working directory. */
export interface Birth {
  readonly home: Home;
  readonly parts: NodeParts;
  readonly wires: Wires;
  readonly log: Log;
}

export type Start = (birth: Birth) => Promise<Running>;

const starts: Record<ProcessName, () => Promise<{ readonly start: Start }>> = {
  signer: () => import('./start/signer.ts'),
  guard: () => import('./start/guard.ts'),
  edge: () => import('./start/edge.ts'),
  mover: () => import('./start/mover.ts'),
  admin: () => import('./start/admin.ts'),
  scanner: () => import('./start/scanner.ts'),
  plugins: () => import('./start/plugins.ts'),
};

/** Runs one process of the node whose home is the working directory: `main.ts <process>`. */
export async function runProcess(parts: NodeParts, argv: readonly string[]): Promise<void> {
  const { name, home } = await readStart(argv);
  const log = createLog(name, home.config.log.level);
  const wires = inheritWires(name, reportCut);
  await runChild(name, log, async () => {
    const { start } = await starts[name]();
    return start({ home, parts, wires, log });
  });
}

async function readStart(argv: readonly string[]): Promise<{ name: ProcessName; home: Home }> {
  try {
    const home = await givenHome();
    const names = processesOf(home.config);
    const name = names.find((one) => one === argv[0]);
    if (!name) throw new SallyportError('USAGE', `expected one of ${names.join(', ')}`);
    expectConfined(name, home.config);
    return { name, home };
  } catch (thrown) {
    return failStart(thrown);
  }
}
