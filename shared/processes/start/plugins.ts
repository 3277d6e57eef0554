import { resolve } from 'node:path';
import { SallyportError } from '../../errors.ts';
import { reportTrouble } from '../child.ts';
import type { Start } from '../node.ts';
import { runPlugins } from '../plugins/run.ts';

export const start: Start = async ({ home: { dir, paths, config }, wires, log }) => {
  if (config.plugins === undefined) {
    throw new SallyportError('CONFIG_INVALID', 'expected plugins.dir in config.yaml, got none');
  }
  return runPlugins({
    guard: wires('guard'),
    admin: wires('admin'),
    dir: resolve(dir, config.plugins.dir),
    secretsDir: paths.pluginSecrets,
    log,
    tellTrouble: reportTrouble,
  });
};
