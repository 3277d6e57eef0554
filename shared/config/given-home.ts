/**
 * The home as a process of a node is given it: the supervisor has read and checked the configuration once, so
 * that all go by the same, and none has to load what parses it.
 */
import { resolve } from 'node:path';
import type { NodeConfig } from './config.ts';
import { type Home, homePaths } from './home.ts';

const variable = 'SALLYPORT_CONFIG';

/** What the supervisor puts into the environment of each process. Holds no secret: paths of them only. */
export const handConfig = (config: NodeConfig): Readonly<Record<string, string>> => ({
  [variable]: JSON.stringify(config),
});

/** The home in the working directory. A process started by hand reads it. Errors: those of readHome. */
export async function givenHome(): Promise<Home> {
  const text = process.env[variable];
  if (text === undefined) return (await import('./read-home.ts')).readHome('.');
  const dir = resolve('.');
  return { dir, paths: homePaths(dir), config: JSON.parse(text) as NodeConfig };
}
