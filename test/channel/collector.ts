/** What channel tests share: temporary folders, packages, and a sink that remembers. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { spoolName } from '@sallyport/shared/channel/spool.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type { ChannelSink, FlowClass } from '@sallyport/shared/ports.ts';

export interface Collector {
  readonly sink: ChannelSink;
  /** Names in the order of their arrival. */
  readonly names: string[];
  readonly refusals: { code: ErrorCode; detail: string }[];
}

export function createCollector(spoolDir: string): Collector {
  const names: string[] = [];
  const refusals: Collector['refusals'] = [];
  const sink: ChannelSink = {
    spoolDir,
    collected: (file) => void names.push(basename(file)),
    refused: (code, detail) => void refusals.push({ code, detail }),
  };
  return { sink, names, refusals };
}

/** Writes a package file of `bytes` and returns its path. */
export function writePackageFile(
  dir: string,
  sequence: number,
  bytes: Uint8Array | string = `package ${sequence}`,
  flowClass: FlowClass = 'interactive',
): string {
  const file = join(dir, packageName(sequence, flowClass));
  writeFileSync(file, bytes);
  return file;
}

export function packageName(sequence: number, flowClass: FlowClass = 'interactive'): string {
  return spoolName({ flowClass, sequence, packageId: newId() });
}

export function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
