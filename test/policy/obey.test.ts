/** What the outer node obeys: a bundle that its peer signed, and only ever a higher version. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createObedience } from '@sallyport/outer-node/obey.ts';
import type { PolicyHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { signData } from '@sallyport/shared/package/cms-signed.ts';
import { type Bundle, encodeBundle } from '@sallyport/shared/policy/bundle.ts';
import type { Arrived, GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import { sender, stranger } from '../package/parties.ts';
import { policyOf } from './fixture.ts';

const place = { lane: 'inner-1/outer-1/export/interactive', sequence: 1 };
const bundle: Bundle = { policy: policyOf(), version: 3, issuer: 'inner-1', issuedAtMs: 5 };

/** A node that obeys version `inForce`, as far as taking a policy needs one. */
function node(inForce: number, events: string[] = []): GuardContext {
  const context = {
    peer: { nodeId: 'inner-1', signCertificate: sender.certificate },
    policy: () => (inForce === 0 ? undefined : { version: inForce }),
    audit: { append: ({ event }: { event: string }) => events.push(event) },
    now: () => 7,
  };
  return context as unknown as GuardContext;
}

function take(body: Buffer, inForce = 0, version = 3, events: string[] = []): unknown {
  const header = { type: 'policy', id: newId(), version } as const;
  return createObedience(node(inForce, events)).take(arrivedWith(header, body));
}

const arrivedWith = (header: PolicyHeader, body: Buffer) =>
  ({ header, body, place }) as Arrived<PolicyHeader>;

const signed = (by = sender, content: Bundle = bundle) =>
  signData(Buffer.from(encodeBundle(content)), by);

test('a bundle of the peer with a higher version is taken', async () => {
  const events: string[] = [];
  assert.ok(take(await signed(), 2, 3, events));
  assert.deepEqual(events, ['policy-apply']);
});

test('the same and a lower version are refused', async () => {
  const body = await signed();
  for (const inForce of [3, 4]) {
    assert.throws(() => take(body, inForce), { code: 'POLICY_VERSION' });
  }
  assert.throws(() => take(body, 0, 4), { code: 'POLICY_VERSION' }, 'the header says another one');
});

test('a bundle that another key signed, or that was changed, is refused before it is parsed', async () => {
  const refused = { code: 'POLICY_SIGNATURE' };
  const byStranger = await signed(stranger);
  assert.throws(() => take(byStranger), refused);
  const body = await signed();
  const at = body.indexOf('"version":3') + '"version":'.length;
  const changed = Buffer.from(body);
  changed.write('9', at);
  assert.throws(() => take(changed, 0, 9), refused);
  assert.throws(() => take(Buffer.alloc(limits.policyBundleBytesMax + 1)), refused);
  const ofAnother = await signed(sender, { ...bundle, issuer: 'inner-2' });
  assert.throws(() => take(ofAnother), refused);
});

test('what is signed and is no policy is refused', async () => {
  const body = await signData(Buffer.from('{}'), sender);
  assert.throws(() => take(body), { code: 'POLICY_INVALID' });
});
