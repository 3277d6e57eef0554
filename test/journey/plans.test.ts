/** Plans for the policy: two people, one content, and no key that comes back from the dead. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { decodePolicy, encodeCredentials, encodePolicy } from '@sallyport/shared/policy/bundle.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { issueApiKey, newHashKey } from '@sallyport/shared/policy/credentials.ts';
import { type Credentials, noCredentials, type Policy } from '@sallyport/shared/policy/model.ts';
import type { PolicyPlan } from '@sallyport/shared/store/policy-port.ts';
import { until } from '../until.ts';
import { type Rig, samplePolicy, startRig } from './rig.ts';

let rig: Rig;
let sample: Policy;
const nowMs = Date.now();

before(async () => {
  sample = requirePolicy(await readPolicyFiles(samplePolicy));
  const upstream = async () => ({ status: 200, body: {} });
  rig = await startRig({ seed: 3, fourEyes: true, upstream });
});
after(() => rig.close());

const ask = async (verb: string, head: object, body?: Uint8Array) => {
  const reply = await rig.inner.admin.request(verb, head, body);
  return reply.head as PolicyPlan & { applied: boolean };
};
const codeOf = (asked: Promise<unknown>): Promise<ErrorCode | undefined> =>
  asked.then(
    () => undefined,
    (thrown: SallyportError) => thrown.code,
  );
const propose = (policy: Policy, actor = 'li', note = '') =>
  ask('policy-plan', { actor, note }, encodePolicy(policy));
const apply = (id: string, credentials: Credentials = noCredentials) =>
  ask('policy-plan-apply', { id, actor: 'li' }, encodeCredentials(credentials));
/** The sample with another wait, so that it is another policy. */
const changed = (timeoutMs: number): Policy => ({
  ...sample,
  services: sample.services.map((service) => ({
    ...service,
    routes: service.routes.map((route) => ({ ...route, timeoutMs })),
  })),
});
/** On a busy machine the soft keystore takes its time to open. */
async function put(id: string, credentials?: Credentials) {
  let reply: { version?: number; applied: boolean } | undefined;
  await until(async () => {
    try {
      reply = await apply(id, credentials);
      return true;
    } catch (thrown) {
      if (thrown instanceof SallyportError && thrown.code === 'HSM_LOST') return false;
      throw thrown;
    }
  });
  return reply;
}

test('a plan needs a proposer, another approver, and then comes into force as it was approved', async () => {
  assert.equal(
    await codeOf(ask('policy-apply', { actor: 'li' }, encodePolicy(sample))),
    'PLAN_NEEDED',
  );
  const plan = await propose(sample, 'li', 'first\npolicy');
  assert.deepEqual(
    [plan.state, plan.proposer, plan.baseVersion, plan.note],
    ['proposed', 'li', 0, 'first policy'],
  );
  const { id } = plan;
  assert.equal(await codeOf(apply(id)), 'PLAN_STATE');
  assert.equal(await codeOf(ask('policy-approve', { id, actor: 'li' })), 'PLAN_SELF_APPROVED');
  const approved = await ask('policy-approve', { id, actor: 'chen' });
  assert.deepEqual([approved.state, approved.approver], ['approved', 'chen']);
  assert.equal(await codeOf(ask('policy-approve', { id, actor: 'wang' })), 'PLAN_STATE');
  const shown = await rig.inner.admin.request('policy-plan-show', { id });
  assert.deepEqual(decodePolicy(shown.body), sample);
  assert.deepEqual(await put(id), { version: 1, applied: true });
  assert.equal(await codeOf(apply(id)), 'PLAN_STATE');
  const [first] = (await rig.inner.admin.request('policy-plans')).head as PolicyPlan[];
  assert.deepEqual([first?.state, first?.version, first?.closer], ['applied', 1, 'li']);
  const events = (await rig.inner.events()).filter((event) => event.plan === id);
  assert.deepEqual(
    events.map(({ event, actor }) => [event, actor]),
    [
      ['policy-plan', 'li'],
      ['policy-approve', 'chen'],
    ],
  );
});

test('a plan that was made for another policy is refused at each step', async () => {
  const [one, two, three] = [
    await propose(changed(7000)),
    await propose(changed(8000)),
    await propose(changed(9000)),
  ];
  await ask('policy-approve', { id: one.id, actor: 'chen' });
  await ask('policy-approve', { id: two.id, actor: 'chen' });
  await put(one.id);
  assert.equal(await codeOf(apply(two.id)), 'PLAN_STALE');
  assert.equal(await codeOf(ask('policy-approve', { id: three.id, actor: 'chen' })), 'PLAN_STALE');
  const withdrawn = await ask('policy-withdraw', { id: two.id, actor: 'li' });
  assert.equal(withdrawn.state, 'withdrawn');
  assert.equal(await codeOf(ask('policy-withdraw', { id: two.id, actor: 'li' })), 'PLAN_STATE');
  for (const id of ['', 'x', 7, '0'.repeat(32)]) {
    assert.equal(await codeOf(ask('policy-approve', { id, actor: 'chen' })), 'PLAN_UNKNOWN');
  }
});

test('keys change without a plan, and a plan brings no key back', async () => {
  const hashKey = newHashKey();
  const { record } = issueApiKey({ consumer: 'tax-bureau', hashKey, nowMs });
  const withKey = { hashKey, keys: [record] };
  const { id } = await propose({ ...changed(6500), credentials: withKey });
  await ask('policy-approve', { id, actor: 'chen' });
  await ask('credentials-apply', { actor: 'li' }, encodeCredentials(withKey));
  await ask('credentials-apply', { actor: 'li' }, encodeCredentials({ hashKey, keys: [] }));
  await put(id, { hashKey, keys: [] });
  const { body } = await rig.inner.admin.request('policy-show');
  assert.ok(!Buffer.from(body).includes(record.id));
});

test('who asks for an exception does not approve it', async () => {
  const grants = sample.grants.map((grant) => ({
    ...grant,
    unmasked: [
      { field: '$.idNumber', reason: 'tax audit 7', approver: 'li', untilMs: nowMs + 1e9 },
    ],
  }));
  assert.equal(await codeOf(propose({ ...sample, grants }, 'li')), 'PLAN_SELF_APPROVED');
  assert.equal(await codeOf(propose({ ...sample, grants }, 'chen')), undefined);
});
