import { readFile } from 'node:fs/promises';
import { socketPath } from '../../config/home.ts';
import { reportTrouble } from '../child.ts';
import type { Start } from '../node.ts';
import { runSigner } from '../signer/signer.ts';

export const start: Start = async ({ paths, config }, parts, log) =>
  runSigner({
    socketPath: socketPath('.', 'signer'),
    open: () => parts.openHsm(config.hsm),
    labels: await parts.labels(await readFile(paths.keyspec, 'utf8'), config.node),
    log,
    tellTrouble: reportTrouble,
  });
