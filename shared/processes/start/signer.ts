import { readFile } from 'node:fs/promises';
import { reportTrouble } from '../child.ts';
import { endAddons } from '../confined.ts';
import type { Start } from '../node.ts';
import { runSigner } from '../signer/signer.ts';

export const start: Start = async ({ home: { paths, config }, parts, wires, log }) =>
  runSigner({
    guard: wires('guard'),
    admin: wires('admin'),
    open: () => parts.openHsm(config.hsm).finally(endAddons),
    labels: await parts.labels(await readFile(paths.keyspec, 'utf8'), config.node),
    log,
    tellTrouble: reportTrouble,
  });
