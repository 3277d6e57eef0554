/** What channel tests share: temporary folders, packages, and a sink that remembers. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
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

export function temporaryFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-channel-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
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

/** Waits until `holds`; a test that waits in vain fails with `what`. */
export async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const dueMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > dueMs) throw new Error(`waited in vain until ${what}`);
    await sleep(2);
  }
}
