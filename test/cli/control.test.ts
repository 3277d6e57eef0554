/** Asking nodes from the command line. */
import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { control } from '@sallyport/cli/control.ts';
import { listen } from '@sallyport/shared/processes/ipc/socket.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const root = realpathSync(temporaryFolder());
process.chdir(root);

function makeHome(name: string): string {
  mkdirSync(join(root, name, 'run'), { recursive: true });
  writeFileSync(join(root, name, 'config.yaml'), '');
  return join(root, name);
}

test('two nodes asked at once both answer, and the working directory stays', async (t) => {
  const names = ['one', `two-${'x'.repeat(120)}`];
  for (const name of names) {
    process.chdir(makeHome(name));
    const server = await listen('run/admin.sock', { 'who-are-you': () => ({ head: name }) });
    t.after(() => server.close());
    process.chdir(root);
  }
  const answers = await Promise.all(names.map((name) => control(name, 'who-are-you')));
  assert.deepEqual(
    answers.map(({ head }) => head),
    names,
  );
  assert.equal(process.cwd(), root);
});

test('a node that does not run is named by its own path', async () => {
  const dir = makeHome('stopped');
  await assert.rejects(control('stopped', 'status'), {
    code: 'NODE_NOT_RUNNING',
    message: `expected a running node in ${dir}`,
  });
  assert.equal(process.cwd(), root);
});

test('a directory without a node is named', async () => {
  await assert.rejects(control('nowhere', 'status'), {
    code: 'HOME_MISSING',
    message: `expected a node in ${join(root, 'nowhere')}, got none`,
  });
});
