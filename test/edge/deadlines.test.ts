import assert from 'node:assert/strict';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createDeadlines } from '@sallyport/shared/processes/edge/deadlines.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

const inMs = (ms: number): number => performance.now() + ms;

test('what is due expires, once, and what was deleted does not', async (t) => {
  const deadlines = createDeadlines();
  t.after(() => deadlines.close());
  const expired: string[] = [];
  const deleted = { dueMs: inMs(1), expire: () => expired.push('deleted') };
  deadlines.add({ dueMs: inMs(1), expire: () => expired.push('due') });
  deadlines.add(deleted);
  deadlines.delete(deleted);
  await until(() => expired.length > 0);
  deadlines.add({ dueMs: inMs(1), expire: () => expired.push('next') });
  await until(() => expired.length > 1);
  assert.deepEqual(expired, ['due', 'next']);
});

test('a process that was held up reads what has come before it gives up', async (t) => {
  const deadlines = createDeadlines();
  t.after(() => deadlines.close());
  const [near, far] = await socketPair(t);
  const ending = new Promise<string>((resolve) => {
    const due = { dueMs: inMs(5), expire: () => resolve('expired') };
    deadlines.add(due);
    near.once('data', () => {
      deadlines.delete(due);
      resolve('answered');
    });
  });
  far.write('an answer');
  for (const untilMs = inMs(200); performance.now() < untilMs; );
  assert.equal(await ending, 'answered');
});

async function socketPair(t: TestContext): Promise<readonly [Socket, Socket]> {
  const path = join(temporaryFolder(), 'pair.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const joined = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = createConnection(path);
  const far = await joined;
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}
