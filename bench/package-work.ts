/**
 * One measured work of the package bench, in a process of its own, so that its CPU time and its peak
 * memory are its alone. Driven over the channel that fork() opens.
 */
import { createCipheriv, createECDH, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { signDigest } from '@sallyport/hsm/soft/ecdsa.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { fileSink, fileSource } from '@sallyport/shared/package/adapter/file.ts';
import { encodeHead, encodeMessage } from '@sallyport/shared/package/message.ts';
import {
  type OpenOptions,
  openPackage,
  openPackageStream,
} from '@sallyport/shared/package/open.ts';
import { type SealOptions, sealPackage } from '@sallyport/shared/package/seal.ts';
import { sealPackageTo } from '@sallyport/shared/package/seal-stream.ts';
import { bytesSource } from '@sallyport/shared/package/source.ts';
import type { Parties } from './package-parties.ts';

export interface WorkOrder {
  readonly work: 'seal' | 'open' | 'bare' | 'write' | 'batch';
  readonly parties: Parties;
  /** Where the sealed package lies. */
  readonly file: string;
  readonly bytes: number;
}

export interface WorkDone {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakRssBytes: number;
  /** Of `batch`: CPU µs of one batch, without sign and derive. */
  readonly batch?: { readonly sealUs: number; readonly openUs: number };
}

const chunk = randomBytes(1024 * 1024);
const batchMessages = 64;
const batchRuns = 1000;
/** Spent in sign and derive, which an HSM does in service. */
let hsmUs = 0;

process.on('message', (order: WorkOrder) => {
  void run(order).then((done) => process.send?.(done, () => process.disconnect?.()));
});

async function run(order: WorkOrder): Promise<WorkDone> {
  const [startedMs, before] = [performance.now(), process.cpuUsage()];
  const batch = await works[order.work](order);
  return {
    wallMs: performance.now() - startedMs,
    cpuMs: cpuUs(before) / 1000,
    peakRssBytes: peakRssBytes(),
    ...(batch ? { batch } : {}),
  };
}

const works = { seal, open, bare, write, batch: measureBatch };

async function seal({ parties, file, bytes }: WorkOrder): Promise<void> {
  const header = { type: 'policy', id: newId(Date.now()), version: 1 } as const;
  const head = encodeHead(header, bytes);
  const message = { head, bodyBytes: bytes, body: () => body(bytes) };
  await using handle = await openFile(file, 'w');
  await sealPackageTo(fileSink(handle), { ...sealOptionsOf(parties), messages: [message] });
}

async function open({ parties, file, bytes }: WorkOrder): Promise<undefined> {
  let got = 0;
  await using handle = await openFile(file, 'r');
  for await (const part of openPackageStream(await fileSource(handle), openOptionsOf(parties))) {
    if (part.part === 'body') got += part.bytes.length;
  }
  if (got !== bytes) throw new Error(`expected ${bytes} bytes, got ${got}`);
}

/** What no package can do without: each byte encrypted and hashed once. */
async function bare({ bytes }: WorkOrder): Promise<undefined> {
  const cipher = createCipheriv('aes-256-gcm', randomBytes(32), randomBytes(12));
  const hash = createHash('sha256');
  for await (const piece of body(bytes)) hash.update(cipher.update(piece));
  cipher.final();
  hash.digest();
}

/** What no file can do without. */
async function write({ file, bytes }: WorkOrder): Promise<undefined> {
  await using handle = await openFile(`${file}.plain`, 'w');
  const sink = fileSink(handle);
  let offset = 0;
  for await (const piece of body(bytes)) {
    await sink.write(offset, piece);
    offset += piece.length;
  }
}

async function* body(bytes: number): AsyncGenerator<Buffer> {
  for (let left = bytes; left > 0; left -= chunk.length) yield chunk.subarray(0, left);
}

async function measureBatch({ parties }: WorkOrder): Promise<WorkDone['batch']> {
  const nowMs = Date.now();
  const messages = Array.from({ length: batchMessages }, () =>
    encodeMessage({
      header: {
        type: 'request',
        id: newId(nowMs),
        flow: 'records/read',
        consumer: 'load',
        deadlineMs: nowMs + 5000,
        method: 'GET',
        path: '/records/r-000001',
        query: [],
        headers: { accept: 'application/json' },
      },
      body: chunk.subarray(0, 1024),
    }),
  );
  const options = { ...sealOptionsOf(parties), messages };
  const { bytes } = await sealPackage(options);
  const opening = openOptionsOf(parties);
  const sealOnce = () => sealPackage(options);
  const openOnce = () => openPackage(bytesSource(bytes), opening);
  for (const once of [sealOnce, openOnce]) await cpuUsOf(once);
  return { sealUs: await cpuUsOf(sealOnce), openUs: await cpuUsOf(openOnce) };
}

async function cpuUsOf(once: () => Promise<unknown>): Promise<number> {
  hsmUs = 0;
  const before = process.cpuUsage();
  for (let run = 0; run < batchRuns; run += 1) await once();
  return (cpuUs(before) - hsmUs) / batchRuns;
}

const lane = {
  sender: 'outer-1',
  receiver: 'inner-1',
  channel: 'import',
  flowClass: 'bulk',
} as const;

function sealOptionsOf({ sender, receiver }: Parties): SealOptions {
  const nowMs = Date.now();
  const scalar = Buffer.from(sender.scalar, 'base64');
  return {
    manifest: {
      packageId: newId(nowMs),
      lane,
      sequence: 1,
      previous: '0'.repeat(64),
      createdAtMs: nowMs,
      expiresAtMs: nowMs + 3_600_000,
      policyVersion: 1,
    },
    suite: 'intl-1',
    sender: {
      certificate: Buffer.from(sender.certificate, 'base64'),
      sign: async (digest) => asHsm(() => signDigest(scalar, Buffer.from(digest))),
    },
    recipient: { certificate: Buffer.from(receiver.certificate, 'base64') },
  };
}

function openOptionsOf({ sender, receiver }: Parties): OpenOptions {
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(Buffer.from(receiver.scalar, 'base64'));
  return {
    trust: { nodeId: lane.sender, certificate: Buffer.from(sender.certificate, 'base64') },
    self: {
      nodeId: lane.receiver,
      certificate: Buffer.from(receiver.certificate, 'base64'),
      derive: async (point) => asHsm(() => pair.computeSecret(point)),
    },
    lane,
    check: () => {},
    nowMs: Date.now(),
  };
}

function asHsm<T>(work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  hsmUs += cpuUs(before);
  return result;
}

function cpuUs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The most that was resident at any time (VmHWM). */
function peakRssBytes(): number {
  const [, kib = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib) * 1024;
}
