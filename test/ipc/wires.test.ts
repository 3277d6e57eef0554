/** What a wire is to its two processes, through the end of either. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Handlers, IpcPeer } from '@sallyport/shared/processes/ipc/peer.ts';
import type { IpcLink } from '@sallyport/shared/processes/ipc/wire.ts';
import { makePair } from '@sallyport/shared/processes/supervise-wires.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { openBoard } from '../wires.ts';

const echo: Handlers = {
  echo: (head, body) => ({ head, body }),
  silent: () => new Promise(() => {}),
};

test('a wire leads to one process, and to its handlers only', async (t) => {
  const board = openBoard();
  const guard = board.join('guard').wires;
  const links = [guard('edge')(echo), guard('mover')(), guard('signer')()];
  const edge = board.join('edge').wires('guard')();
  const mover = board.join('mover').wires('guard')();
  t.after(() => [...links, edge, mover].forEach((link) => void link.close()));
  await until(() => edge.connected && mover.connected);
  assert.equal((await edge.request('echo', 1)).head, 1);
  await assert.rejects(mover.request('echo', 1), { code: 'IPC_VERB' });
  await assert.rejects(mover.request('hello', { process: 'edge' }), { code: 'IPC_VERB' });
});

test('a process has no wire that the plan does not give it, and takes each into use once', () => {
  const { wires } = openBoard().join('mover');
  assert.throws(() => wires('signer'), { code: 'INTERNAL' });
  assert.throws(() => wires('edge'), { code: 'INTERNAL' });
  wires('guard')().close();
  assert.throws(() => wires('guard')(), { code: 'INTERNAL' });
});

test('when the other process ends its requests are lost, and its successor is reached', async (t) => {
  const board = openBoard();
  const events: string[] = [];
  const edge = board.join('edge').wires('guard')(echo, {
    up: () => void events.push('up'),
    down: () => void events.push('down'),
  });
  await assert.rejects(edge.request('echo'), { code: 'IPC_LOST' });
  const start = (): { link: IpcLink; end: () => void } => {
    const { wires, leave } = board.join('guard');
    const link = wires('edge')(echo);
    const end = (): void => {
      leave();
      link.close();
    };
    t.after(end);
    return { link, end };
  };
  const first = start();
  t.after(() => edge.close());
  await until(() => edge.connected && first.link.connected);
  const lost = assert.rejects(edge.request('silent'), { code: 'IPC_LOST' });
  first.end();
  await lost;
  const second = start();
  await until(() => edge.connected && second.link.connected);
  assert.equal((await edge.request('echo', 'again')).head, 'again');
  assert.equal((await second.link.request('echo', 'back')).head, 'back');
  assert.deepEqual(events, ['up', 'down', 'up']);
});

test('a line that broke between two processes that run is made anew', async (t) => {
  const board = openBoard();
  let fell = 0;
  let line: IpcPeer | undefined;
  const edge = board.join('edge').wires('guard')(echo, {
    up: (peer) => {
      line = peer;
    },
    down: () => {
      fell += 1;
    },
  });
  const guard = board.join('guard').wires('edge')();
  t.after(() => [edge, guard].forEach((link) => void link.close()));
  await until(() => edge.connected && guard.connected);
  for (const round of [1, 2, 3]) {
    // As a frame that is none would end it: the wire stays, its socket does not.
    line?.close();
    assert.equal(fell, round);
    await until(() => edge.connected && guard.connected);
    assert.equal((await guard.request('echo', round)).head, round);
  }
});

test('who asked on the old line hears of its loss before the new one is up', async (t) => {
  const board = openBoard();
  const order: string[] = [];
  const edge = board.join('edge').wires('guard')({}, { up: () => void order.push('up') });
  const guard = board.join('guard').wires('edge')(echo);
  t.after(() => [edge, guard].forEach((link) => void link.close()));
  await until(() => edge.connected && guard.connected);
  const asking = edge.request('silent').catch(() => order.push('lost'));
  // The same process is wired again, as if the old line had not been noticed to be dead.
  board.rewire('edge', 'guard');
  await asking;
  await until(() => order.length === 3);
  assert.deepEqual(order, ['up', 'lost', 'up']);
});

test('a pair leaves nothing behind in its directory, however long its path is', async () => {
  const dir = join(temporaryFolder(), 'x'.repeat(150));
  mkdirSync(dir);
  const [one, other] = await makePair(dir);
  other.resume().write('x');
  one.resume();
  await once(one, 'data');
  assert.deepEqual(readdirSync(dir), []);
  one.destroy();
  await once(other, 'close');
});
