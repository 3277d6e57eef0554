/** Where a pair cannot start, what was started for it ends too: nothing keeps a test until its time limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';
import { command } from './command.ts';

const starts: Readonly<Record<string, string>> = {
  'soak/pair': "startSoakPair('soft', { atOnce: 1, tookMs: 1 })",
  'faults/world': 'startWorld()',
  'scan/registry': `startDocuments('${temporaryFolder()}', {})`,
  'plugins/vehicles': 'startVehicles()',
};
for (const [file, start] of Object.entries(starts)) {
  const name = start.slice(0, start.indexOf('('));
  test(`${name} ends by itself where its nodes cannot be made`, async () => {
    // Verbs of the command line are processes, and none of them begins with this.
    const program = `
      import { ${name} } from '${import.meta.dirname}/../${file}.ts';
      process.env.NODE_OPTIONS = '--no-such-option';
      await ${start}.catch(({ message }) => console.log(message));`;
    const args = ['--input-type=module', '--eval', program];
    const { code, stdout, stderr } = await command('timeout', ['60', process.execPath, ...args]);
    assert.deepEqual([code, stdout.includes('init')], [0, true], stdout + stderr);
  });
}
