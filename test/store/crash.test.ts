/** kill -9 at random moments: what a promise said is there, and the audit chain tells of it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRandom } from '@sallyport/examples/citizen-registry/random.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { verifyAudit } from '../audit/verdict.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** Kills the writer on `file` `afterMs` after its first `lines` lines; returns all that it promised. */
function killedWriter(file: string, lines: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  let isDying = false;
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (isDying || said.split('\n').length <= lines) return;
      isDying = true;
      setTimeout(() => child.kill('SIGKILL'), afterMs);
    });
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`the writer ended by itself: ${said}`));
      resolve(said.slice(0, said.lastIndexOf('\n')).split('\n').slice(1));
    });
  });
}

test('nothing that was promised is lost, though the process is killed twenty times', async () => {
  const dir = temporaryFolder();
  const file = join(dir, 'store.db');
  const random = createRandom(1);
  const promised = { accepted: new Set<string>(), answered: new Set<string>() };
  for (let round = 0; round < 20; round += 1) {
    for (const line of await killedWriter(file, random.int(1, 25), random.int(0, 5))) {
      const [what, id] = line.split(' ') as [keyof typeof promised, string];
      promised[what].add(id);
    }
    const store = openStore(file);
    const [lane] = store.outLanes();
    const { ok, events } = verifyAudit(store.auditBlocks(1, 1_000_000));
    const { exchanges, auditEvents, unacknowledged } = store.counts();
    for (const id of promised.accepted) assert.ok(store.exchange(id), `${id} round ${round}`);
    for (const id of promised.answered) {
      assert.equal(store.exchange(id)?.state, 'RESPONDED', `${id} round ${round}`);
    }
    const { SEALED = 0, RESPONDED = 0 } = exchanges;
    assert.equal(SEALED + RESPONDED, 3 * (lane?.head ?? 0));
    assert.equal(unacknowledged, lane?.head ?? 0);
    assert.equal(ok, true);
    assert.equal(auditEvents, events);
    assert.equal(events, SEALED + 2 * RESPONDED);
    store.close();
  }
  assert.ok(promised.accepted.size > 50 && promised.answered.size > 50);
});
