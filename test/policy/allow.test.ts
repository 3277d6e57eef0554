/** Grants with terms: dates, conditions, deny rules and exceptions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBundle, encodeBundle, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { decide, matchRoute, planFor } from '@sallyport/shared/policy/decide.ts';
import { diffPolicy, formatChange } from '@sallyport/shared/policy/diff.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import { sourceOf } from './fixture.ts';

const nowMs = Date.parse('2026-03-02T01:30:00Z');
const consumer = { name: 'tax-bureau' };

function policyWith(terms: string, deny = ''): Policy {
  const { policy, faults } = checkPolicy(
    sourceOf([
      ['    until: 2027-06-30', terms],
      ['grants:', `${deny}grants:`],
    ]),
    nowMs,
  );
  if (policy === undefined) throw new Error(JSON.stringify(faults));
  return policy;
}

const ask = (policy: Policy, facts: object = {}, atMs = nowMs) => {
  const compiled = compilePolicy(policy, 1);
  const match = matchRoute(compiled, 'GET', '/citizens/c-1');
  return decide(compiled, { consumer, match, nowMs: atMs, ...facts });
};

test('a grant holds from the beginning of its first day to the end of its last', () => {
  const policy = policyWith('    from: 2026-03-02\n    until: 2026-03-03');
  const [start, end] = [Date.parse('2026-03-02T00:00:00Z'), Date.parse('2026-03-04T00:00:00Z')];
  assert.throws(() => ask(policy, {}, start - 1), { code: 'GRANT_EARLY' });
  assert.ok(ask(policy, {}, start));
  assert.ok(ask(policy, {}, end - 1));
  assert.throws(() => ask(policy, {}, end), { code: 'GRANT_EXPIRED' });
});

test('a condition must hold, and what cannot be answered is refused', () => {
  const policy = policyWith(`    when: 'source.ip.inCidr("10.1.0.0/16") && risk.score < 50'`);
  const inside = { source: { ip: '10.1.2.3' }, risk: { score: 0 } };
  const decision = ask(policy, inside);
  assert.deepEqual([...decision.reads].sort(), ['risk', 'source']);
  assert.throws(() => ask(policy, { ...inside, source: { ip: '10.2.0.1' } }), {
    code: 'CONDITION_UNMET',
  });
  assert.throws(() => ask(policy, { ...inside, risk: { score: 50 } }), { code: 'CONDITION_UNMET' });
  assert.throws(() => ask(policy, { risk: { score: 0 } }), { code: 'CONDITION_FAILED' });
  assert.throws(() => ask(policy), { code: 'CONDITION_FAILED' });
});

test('a deny rule overrides every grant, in its dates and where its condition holds or fails', () => {
  const denies = (rule: string) =>
    policyWith(
      '    until: 2027-06-30',
      `deny:\n  - { name: freeze, reason: data audit, ${rule} }\n`,
    );
  const denied = { code: 'DENIED', rule: 'freeze' };
  assert.throws(() => ask(denies('routes: [citizen-registry/*]')), denied);
  assert.throws(() => ask(denies('consumers: [tax-bureau]')), denied);
  assert.throws(() => ask(denies('from: 2026-03-02')), denied);
  assert.ok(ask(denies('from: 2026-03-03')));
  assert.ok(ask(denies('until: 2026-03-01')));
  assert.ok(ask(denies('consumers: [school-board]')));
  assert.ok(ask(denies('routes: [citizen-registry/move]')));
  const byHour = denies(`when: 'request.time.getHours("Asia/Shanghai") < 10'`);
  assert.throws(() => ask(byHour), denied);
  assert.ok(ask(byHour, {}, nowMs + 3_600_000));
  assert.throws(() => ask(denies(`when: 'risk.score > 90'`)), { code: 'CONDITION_FAILED' });
});

const exception = `    unmasked:
      - { field: $.idNumber, reason: tax audit 2026-7, approver: chen.wei, until: 2026-06-30 }`;

test('an exception opens a masked field until its end, and says so', () => {
  const policy = policyWith(exception);
  const endMs = Date.parse('2026-07-01T00:00:00Z');
  const person = { id: 'c-1', name: '张三', idNumber: '11010519491231002X', phone: null };
  const body = Buffer.from(JSON.stringify({ ...person, income: 1 }));
  const seen = (atMs: number) => {
    const plan = ask(policy, {}, atMs);
    const document = JSON.parse(plan.release?.(body, 10_000).body?.toString() ?? '');
    return [document.idNumber, plan.unmasked];
  };
  assert.deepEqual(seen(endMs - 1), ['11010519491231002X', ['$.idNumber']]);
  assert.deepEqual(seen(endMs), ['110***********002X', []]);
  const compiled = compilePolicy(policy, 1);
  const flow = 'citizen-registry/get-citizen';
  assert.deepEqual(planFor(compiled, 'tax-bureau', flow, endMs).unmasked, []);
});

test('terms have a normal form, stand in the diff, and come back from a bundle as they were', () => {
  const deny = 'deny:\n  - { name: b-rule, reason: data audit, routes: [citizen-registry/*] }\n';
  const policy = policyWith(
    `    from: 2026-01-01\n    when: " risk.score < 50 "\n    limits: { perMinute: 5 }\n${exception}`,
    deny,
  );
  const bundle = { policy, version: 1, issuer: 'inner-1', issuedAtMs: nowMs };
  const back = decodeBundle(encodeBundle(bundle)).policy;
  assert.deepEqual(encodePolicy(back), encodePolicy(policy));
  assert.deepEqual(diffPolicy(policy, back), []);
  const changes = diffPolicy(policyWith('    until: 2027-06-30'), policy).map(formatChange);
  for (const line of [
    /^\+ unmasked\/tax-bureau\/citizen-registry\/get-citizen\/\$\.idNumber$/,
    /^\+ deny\/b-rule$/,
    /get-citizen when \+ risk\.score < 50$/,
    /get-citizen limits\.perMinute \+ 5$/,
    /get-citizen from \+ 2026-01-01/,
  ]) {
    assert.ok(
      changes.some((change) => line.test(change)),
      `${line} in\n${changes.join('\n')}`,
    );
  }
});

test('a bundle whose terms the check would not have let through is refused', () => {
  const policy = policyWith(exception);
  const bundle = (grant: object, deny?: object) =>
    encodeBundle({
      policy: {
        ...policy,
        grants: policy.grants.map((one) => ({ ...one, ...grant })),
        ...(deny && { deny: [deny as never] }),
      },
      version: 1,
      issuer: 'inner-1',
      issuedAtMs: nowMs,
    });
  const rule = { name: 'freeze', reason: 'data audit' };
  const long = { field: '$.name', reason: 'tax audit 7', approver: 'chen' };
  for (const bytes of [
    bundle({ when: 'consumer.name.matches("(a+)+")' }),
    bundle({ limits: {} }),
    bundle({ limits: { perMinute: 0 } }),
    bundle({ unmasked: [] }),
    bundle({ unmasked: [{ ...long, untilMs: nowMs + 367 * 86_400_000 }] }),
    bundle({ unmasked: [{ field: '$.name', approver: 'chen', untilMs: nowMs }] }),
    bundle({}, { ...rule, consumers: ['nobody'] }),
    bundle({}, { ...rule, flows: ['a/b'] }),
    bundle({}, { ...rule, when: '1' }),
  ]) {
    assert.throws(() => decodeBundle(bytes), { code: 'POLICY_INVALID' });
  }
});
