import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { parseReport } from '@sallyport/shared/processes/child.ts';
import { createLog } from '@sallyport/shared/processes/log.ts';
import { openLogFile } from '@sallyport/shared/processes/supervise-log.ts';
import { temporaryFolder } from '../temporary-folder.ts';

function logged(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLog('guard', 'info', { write: (line: string) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line));
}

test('names that smell of secrets are blanked out at three depths', () => {
  const told = logged((log) => {
    log.info({ pin: 'SENTINEL', a: { apiKey: 'SENTINEL', b: { authorization: 'SENTINEL' } } }, 'x');
    log.child({ token: 'SENTINEL' }).info('y');
  });
  assert.equal(told.length, 2);
  assert.ok(!JSON.stringify(told).includes('SENTINEL'));
  assert.equal(told[0]?.pin, '[redacted]');
});

test('an error of ours logs its code and hint, any other its stack', () => {
  const [ours, foreign] = logged((log) => {
    log.error({ err: new SallyportError('HSM_LOST', 'token gone', { hint: 'insert it' }) }, 'x');
    log.error({ err: new TypeError('surprise') }, 'x');
  });
  assert.deepEqual(ours?.err, { code: 'HSM_LOST', message: 'token gone', hint: 'insert it' });
  assert.match(JSON.stringify(foreign?.err), /"stack":"TypeError: surprise/);
});

test('a log file rotates by size and keeps a bounded number of old ones', () => {
  const dir = temporaryFolder();
  const file = openLogFile(join(dir, 'x.log'), 10, 2);
  for (const text of ['aaaaaaaa', 'bbbbbbbb', 'cccccccc', 'dddddddd', 'd']) {
    file.write(Buffer.from(text));
  }
  file.close();
  assert.deepEqual(readdirSync(dir).sort(), ['x.log', 'x.log.1', 'x.log.2']);
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8');
  assert.deepEqual(['x.log', 'x.log.1', 'x.log.2'].map(text), [
    'ddddddddd',
    'cccccccc',
    'bbbbbbbb',
  ]);
});

test('a report is read strictly: what a broken child writes is none', () => {
  assert.deepEqual(parseReport('{"state":"ready"}'), { state: 'ready' });
  assert.deepEqual(parseReport('{"state":"failed","code":"HSM_PIN","message":"m"}'), {
    state: 'failed',
    code: 'HSM_PIN',
    message: 'm',
  });
  const trouble = { state: 'trouble', code: 'HSM_PIN', message: 'm', hint: 'h' } as const;
  assert.deepEqual(parseReport(JSON.stringify(trouble)), trouble);
  for (const state of ['signalled', 'well'] as const) {
    assert.deepEqual(parseReport(JSON.stringify({ state, code: 'HSM_PIN' })), { state });
  }
  for (const line of ['', 'null', '{', '{"state":"failed","code":"NO_SUCH"}', '{"state":1}']) {
    assert.equal(parseReport(line), undefined, line);
  }
});
