import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectOnce, listen } from '@sallyport/shared/processes/ipc/socket.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const dir = temporaryFolder();

test('a process that is slow to end leaves its successor its socket', async () => {
  const path = join(dir, 'guard.sock');
  const old = await listen(path, { who: () => ({ head: 'old' }) });
  const fresh = await listen(path, { who: () => ({ head: 'fresh' }) });
  await old.close();
  const peer = await connectOnce(path);
  assert.equal((await peer.request('who')).head, 'fresh');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  peer.close();
  await fresh.close();
  assert.deepEqual(readdirSync(dir), ['guard.sock']);
  await assert.rejects(connectOnce(path), { code: 'IPC_LOST' });
});
