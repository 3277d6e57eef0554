/** The policy seen by people: explanations, the matrix of who gets which field, and warnings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explanationText } from '@sallyport/cli/explain-text.ts';
import { policyMatrix } from '@sallyport/shared/policy/access.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { explain, type Question } from '@sallyport/shared/policy/explain.ts';
import { matrixHtml } from '@sallyport/shared/policy/matrix-html.ts';
import { matrixCsv, matrixTable } from '@sallyport/shared/policy/matrix-text.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { policyWarnings } from '@sallyport/shared/policy/warnings.ts';
import fc from 'fast-check';
import { sourceOf } from './fixture.ts';

const nowMs = Date.parse('2026-03-02T01:30:00Z');

function policyWith(terms = '    until: 2027-06-30', deny = ''): Policy {
  const source = sourceOf([
    ['    until: 2027-06-30', terms],
    ['grants:', `${deny}grants:`],
  ]);
  const { policy, faults } = checkPolicy(source, nowMs);
  if (policy === undefined) throw new Error(JSON.stringify(faults));
  return policy;
}

const exception = (reason: string) =>
  `    unmasked: [ { field: $.idNumber, reason: '${reason}', approver: chen, until: 2026-06-30 } ]`;
const question: Question = {
  consumer: 'tax-bureau',
  method: 'GET',
  path: '/citizens/c-1',
  nowMs,
  source: { ip: '10.1.2.3' },
  risk: { score: 0 },
};
const explainWith = (policy: Policy, changes: Partial<Question> = {}) =>
  explain(compilePolicy(policy, 4), { ...question, ...changes });

test('an explanation names each step, and the masks that would run', () => {
  const policy = policyWith(
    `    when: 'source.ip.inCidr("10.1.0.0/16")'\n    limits: { perDay: 9 }\n${exception('tax audit 7')}`,
  );
  const allowed = explainWith(policy);
  assert.equal(allowed.allowed, true);
  assert.deepEqual(allowed.crosses, ['source']);
  assert.deepEqual(allowed.limits, { perDay: 9 });
  const access = Object.fromEntries(
    allowed.fields.map(({ field, access: one }) => [field, one.kind]),
  );
  assert.deepEqual(
    [access['$.name'], access['$.idNumber'], access['$.address.district'], access['$.email']],
    ['masked', 'unmasked', 'clear', 'none'],
  );
  const text = explanationText(allowed);
  assert.match(text, /allowed by policy version 4/);
  assert.match(text, /\$\.idNumber +UNMASKED until .*: tax audit 7 \(chen\)/);
  assert.match(text, /\$\.phone +keep first 3, last 4/);

  const outside = explainWith(policy, { source: { ip: '10.2.0.1' } });
  assert.equal(outside.code, 'CONDITION_UNMET');
  assert.match(explanationText(outside), /✗ when .*inCidr\("10\.1\.0\.0\/16"\) is false/);
  const without = explainWith(policy, { source: undefined });
  assert.equal(without.code, 'CONDITION_FAILED');
  assert.match(explanationText(without), /\? when .*has no answer without source/);
});

test('an explanation tells what was refused where', () => {
  const deny = 'deny:\n  - { name: freeze, reason: data audit, until: 2026-03-31 }\n';
  const policy = policyWith('    from: 2026-04-01', deny);
  const denied = explainWith(policy);
  assert.deepEqual([denied.code, denied.flow], ['DENIED', 'citizen-registry/get-citizen']);
  assert.ok(denied.steps.some(({ detail }) => /rule freeze \(data audit\) fits/.test(detail)));
  assert.equal(explainWith(policy, { path: '/none' }).code, 'ROUTE_UNKNOWN');
  assert.equal(explainWith(policy, { method: 'POST' }).code, 'METHOD_REFUSED');
  const stranger = explainWith(policy, { consumer: 'nobody' });
  assert.equal(stranger.code, 'GRANT_MISSING');
  assert.ok(
    stranger.steps.some(({ step, outcome }) => step === 'consumer' && outcome === 'refused'),
  );
  assert.equal(explainWith(policyWith('    from: 2026-04-01')).code, 'GRANT_EARLY');
});

test('an explanation and a decision never differ, and its steps agree with it', () => {
  const policy = policyWith(
    '    from: 2026-03-01\n    until: 2026-03-04\n' +
      `    when: 'source.ip.inCidr("10.0.0.0/8") || risk.score < 9'`,
    `deny:\n  - { name: a, reason: data audit, consumers: [tax-bureau], when: 'risk.score > 50' }\n`,
  );
  const compiled = compilePolicy(policy, 1);
  const asked = fc.record({
    consumer: fc.constantFrom('tax-bureau', 'school-board', 'nobody'),
    method: fc.constantFrom('GET', 'POST'),
    path: fc.constantFrom('/citizens/c-1', '/citizens', '/citizens/c-1/moves', '/x'),
    nowMs: fc.integer({ min: nowMs - 4 * 86_400_000, max: nowMs + 4 * 86_400_000 }),
    source: fc.option(fc.record({ ip: fc.constantFrom('10.1.2.3', '192.0.2.1') }), {
      nil: undefined,
    }),
    risk: fc.option(fc.record({ score: fc.integer({ min: 0, max: 100 }) }), { nil: undefined }),
  });
  fc.assert(
    fc.property(asked, (one) => {
      const { allowed, code, steps } = explain(compiled, one);
      let expected: string | undefined;
      try {
        const match = matchRoute(compiled, one.method, one.path);
        decide(compiled, { ...one, consumer: { name: one.consumer }, match });
      } catch (thrown) {
        expected = (thrown as { code: string }).code;
      }
      assert.equal(code, expected);
      assert.equal(
        allowed,
        steps.every(({ outcome }) => outcome === 'passed'),
      );
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('the matrix shows every field of every route, and what each consumer gets of it', () => {
  const matrix = policyMatrix(policyWith(exception('tax audit 7')), nowMs);
  assert.deepEqual(matrix.consumers, ['school-board', 'tax-bureau']);
  const row = (field: string, flow = 'citizen-registry/get-citizen') =>
    matrix.rows.find((one) => one.flow === flow && one.field === field);
  const kinds = (field: string) => row(field)?.access.map(({ kind }) => kind);
  assert.deepEqual(kinds('$.idNumber'), ['masked', 'unmasked']);
  assert.deepEqual(kinds('$.income'), ['clear', 'none']);
  assert.deepEqual(kinds('$.address.district'), ['clear', 'clear']);
  assert.equal(row('$.phone')?.type, 'string or integer or null');
  assert.ok(row('$.items[*].name', 'citizen-registry/list-citizens'));
  const move = row('', 'citizen-registry/move')?.access.map(({ kind }) => kind);
  assert.deepEqual(move, ['none', 'may']);
  const later = policyMatrix(policyWith(), Date.parse('2028-01-01T00:00:00Z'));
  assert.ok(later.rows.every(({ access }) => access[1]?.kind !== 'masked'));
});

test('the matrix as table, CSV and page, in both languages', () => {
  const matrix = policyMatrix(policyWith(exception('=HYPERLINK("x") & <u>')), nowMs);
  const table = matrixTable(matrix, 'en').split('\n');
  assert.match(
    table[0] ?? '',
    /^Owner +Level +Route +Call +Field +Type +school-board +tax-bureau$/,
  );
  assert.ok(
    table.some((line) => /\$\.idNumber .*masked: keep first 3, last 4 +UNMASKED/.test(line)),
  );
  assert.match(matrixTable(matrix, 'zh'), /责任部门.*数据级别/);
  assert.match(matrixTable(matrix, 'zh'), /重要.*保留前 3 后 4 位/);
  const html = matrixHtml(matrix, 'zh');
  assert.match(html, /<html lang="zh-CN">/);
  assert.ok(!html.includes('<u>') && html.includes('&lt;u&gt;'));
  assert.doesNotMatch(html, /<script|src=|href=/);
  const csv = matrixCsv(matrix, 'en');
  assert.ok(csv.startsWith('\ufeff"Owner","Level"'));
  assert.match(csv, /HYPERLINK\(""x""\)/);
});

test('a page with many consumers gives each its room', () => {
  const matrix = policyMatrix(policyWith(), nowMs);
  const consumers = Array.from({ length: 12 }, (_, index) => `consumer-${index}`);
  assert.doesNotMatch(matrixHtml(matrix, 'en'), /--columns:/);
  // The overview has the level besides.
  assert.match(matrixHtml({ ...matrix, consumers }, 'en'), /--columns:13".*--columns:12"/s);
});

test('nothing in the CSV is a formula', () => {
  const about = {
    owner: '=1+1',
    level: 'core',
    flow: '+a/b',
    methods: ['@GET'],
    path: '-',
  } as const;
  const row = { ...about, service: 'a', field: '\t=x', type: ' =y', access: [], calls: [] };
  const csv = matrixCsv({ atMs: 0, consumers: [], rows: [row] }, 'en');
  const [, line = ''] = csv.split('\r\n');
  for (const cell of line.split('","')) assert.doesNotMatch(cell, /^"?\s*[=+@-]/);
});

test('what a policy hardly means is told: it can never match, reaches nobody or has no effect', () => {
  const told = (policy: Policy) =>
    policyWarnings(policy, nowMs).map(({ kind, part, message }) => `${kind} ${part} ${message}`);
  const has = (lines: string[], pattern: RegExp) =>
    assert.ok(
      lines.some((line) => pattern.test(line)),
      `${pattern} in\n${lines.join('\n')}`,
    );
  assert.deepEqual(
    told(policyWith()).filter((line) => !line.includes('never run')),
    [],
  );
  has(told(policyWith('    until: 2026-01-01')), /never grants\/tax-bureau.*ended on 2026-01-02/);
  has(told(policyWith(`    when: 'false'`)), /never grants\/tax-bureau.*condition held at none/);
  has(
    told(policyWith(`    when: 'request.time.getHours() >= 20 && request.time.getHours() < 8'`)),
    /condition held at none/,
  );
  has(told(policyWith(`    when: 'route.level == "core"'`)), /condition held at none/);
  const rare = `    when: 'request.time.getMonth() == 11 && request.time.getDate() == 24'`;
  assert.ok(!told(policyWith(rare)).some((line) => line.startsWith('never')));
  assert.ok(
    !told(policyWith(`    when: 'risk.score > 100'`)).some((line) => line.startsWith('never')),
  );
  const deny = 'deny:\n  - { name: freeze, reason: data audit, consumers: [tax-bureau] }\n';
  const denied = told(policyWith('    until: 2027-06-30', deny));
  has(denied, /never grants\/tax-bureau.*rule freeze refuses all/);
  has(denied, /unreachable services\/citizen-registry\/list-citizens/);
  has(told(policyWith(exception('tax audit 7'))), /unmasked .*UNMASKED \$\.idNumber until .*chen/);
  const ended = 'deny:\n  - { name: old, reason: data audit, until: 2026-01-01 }\n';
  has(told(policyWith('    until: 2027-06-30', ended)), /no-effect deny\/old the rule has ended/);
  const alone = policyWith();
  const fields = {
    ...alone,
    grants: alone.grants.filter(({ consumer }) => consumer !== 'school-board'),
  };
  has(told(fields), /no-effect .*masks never run: .*\$\.secret/);
  has(told(fields), /no-effect consumers\/school-board/);
});
