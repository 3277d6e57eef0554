/** Files and rows that others may have changed: trust file, soft keystore, audit blocks. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { decodeKeystore, encodeKeystore } from '@sallyport/hsm/soft/file.ts';
import { blockAfter, noHash } from '@sallyport/shared/audit/chain.ts';
import { readAuditBlocks } from '@sallyport/shared/audit/transfer.ts';
import { createAuditVerifier } from '@sallyport/shared/audit/verify.ts';
import { readTrustFile } from '@sallyport/shared/pairing/trust-file.ts';
import type { AuditBlock } from '@sallyport/shared/store/port.ts';
import { fuzz } from './campaign.ts';
import { mutateBytes, mutateTree, type Random } from './mutate.ts';
import { pin, sample, samplesAtMs, stretchSmall } from './samples.ts';

const trustFile = sample('peer.trust');
const { fingerprint } = readTrustFile(trustFile, samplesAtMs);

fuzz('trust file', {
  codes: ['TRUST_FILE_INVALID'],
  attempt: (random) => {
    const bytes = mutateBytes(random, [trustFile]);
    // One form and one signature: nothing but the file itself is the peer with this fingerprint.
    if (readTrustFile(bytes, samplesAtMs).fingerprint === fingerprint) {
      assert.deepEqual(bytes, trustFile);
    }
  },
});

const keystore = sample('soft.keystore');
const fileKey = stretchSmall(pin);

fuzz('soft keystore', {
  codes: ['KEYSTORE_DAMAGED', 'HSM_PIN'],
  attempt: async (random) => {
    const bytes = mutateBytes(random, [keystore]);
    const repaired = random.below(2) === 0 ? bytes : withChecksum(bytes);
    if (isCheap(repaired)) await decodeKeystore(repaired, pin);
  },
});

fuzz('soft keystore by whoever knows the PIN', {
  oneIn: 4,
  codes: ['KEYSTORE_DAMAGED'],
  attempt: async (random) => {
    const key = { label: 'a', use: 'sign' as const, scalar: Buffer.alloc(32, 1) };
    const rows = mutateTree(random, [{ ...key, scalar: key.scalar.toString('base64') }]);
    const scalar = Buffer.from(random.pick(['', '00', 'ff'.repeat(32), '01'.repeat(33)]), 'hex');
    const keys = random.below(2) === 0 ? [{ ...key, scalar }] : rowsAsKeys(rows, key);
    await decodeKeystore(encodeKeystore(fileKey, keys), pin);
  },
});

/** Rows of any form, given to the encoder as if they were keys: it writes what it gets. */
function rowsAsKeys<T extends { scalar: Buffer }>(rows: unknown, key: T): T[] {
  const list: unknown[] = Array.isArray(rows) ? rows : [rows];
  return list.map((row) => ({ ...key, ...(row as object), scalar: scalarOf(row) }));
}

function scalarOf(row: unknown): Buffer {
  const { scalar } = (row ?? {}) as { scalar?: unknown };
  return Buffer.from(typeof scalar === 'string' ? scalar : '', 'base64');
}

function withChecksum(bytes: Buffer): Buffer {
  const content = bytes.subarray(0, -32);
  return Buffer.concat([content, createHash('sha256').update(content).digest()]);
}

/** The header may ask for up to a gibibyte of stretching, by intention: not thousands of times. */
function isCheap(bytes: Buffer): boolean {
  const [, memory = '0', passes = '0'] =
    /"memoryKib":([^,]*),"passes":([^,]*),/.exec(bytes.toString('latin1')) ?? [];
  return !(Number(memory) > 4096) && !(Number(passes) > 4);
}

type StoredBlock = Omit<AuditBlock, 'events'> & { events: string };
const stored: readonly StoredBlock[] = JSON.parse(sample('audit.json').toString());
const auditCertificate = sample('audit.pem');
const whole = stored.map(({ events, ...block }) => ({ ...block, events: Buffer.from(events) }));

fuzz('audit blocks', {
  codes: [],
  attempt: (random) => {
    const verifier = createAuditVerifier({ auditCertificate });
    const blocks =
      random.below(2) === 0 ? whole.map((one) => changed(random, one)) : rewritten(random);
    for (const block of blocks) if (!verifier.add(block)) break;
    const { ok, firstFault } = verifier.verdict();
    assert.equal(ok, firstFault === undefined);
  },
});

/** A block whose row was changed in the database: any column. */
function changed(random: Random, block: AuditBlock): AuditBlock {
  if (random.below(2) === 0) {
    return { ...block, events: mutateBytes(random, [Buffer.from(block.events)]) };
  }
  const column = random.pick(Object.keys(block));
  return { ...block, [column]: random.pick(columnValues) };
}

/** SQLite gives back whatever type stands in the row. */
const columnValues = [null, 0, -1, 1.5, 2 ** 53, '', 'x', '0'.repeat(64), Buffer.alloc(3)];

/** By whoever can write the database but not sign: hashes fit, lines are what they like. */
function rewritten(random: Random): AuditBlock[] {
  let head = { sequence: 0, hash: noHash };
  return stored.map(({ events, atMs }) => {
    const lines = events.trimEnd().split('\n');
    const line = (text: string): string => JSON.stringify(mutateTree(random, JSON.parse(text)));
    const block = blockAfter(head, atMs, lines.map(line));
    head = block;
    return block;
  });
}

const listed = whole.map(({ events, ...block }) => ({ ...block, bytes: events.length }));
const body = Buffer.concat(whole.map(({ events }) => events));

fuzz('audit blocks over IPC', {
  codes: ['IPC_FRAME'],
  attempt: (random) => {
    const blocks = readAuditBlocks({ head: mutateTree(random, listed), body });
    const verifier = createAuditVerifier({ auditCertificate });
    for (const block of blocks) if (!verifier.add(block)) break;
  },
});
