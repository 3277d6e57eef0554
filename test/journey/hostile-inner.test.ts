/** The inner guard is not believed either: the outer guard decides again about every answer. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import type { MessageHeader, ResponseHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { signData } from '@sallyport/shared/package/cms-signed.ts';
import type { OpenedMessage } from '@sallyport/shared/package/open.ts';
import { encodeBundle, outerEdition } from '@sallyport/shared/policy/bundle.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import type { Policy } from '@sallyport/shared/policy/model.ts';
import type { Answer } from '@sallyport/shared/processes/ipc/peer.ts';
import { until } from '../until.ts';
import { type Fallen, fell, type Said } from './fallen.ts';
import { callHead, type Rig, samplePolicy, startRig } from './rig.ts';

let rig: Rig;
let inner: Fallen;
let key: string;
let policy: Policy;

before(async () => {
  rig = await startRig({ seed: 2, upstream: () => Promise.reject(new Error('nobody calls it')) });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy();
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: unknown }).policy !== null;
  });
  policy = outerEdition(requirePolicy(await readPolicyFiles(samplePolicy)));
  inner = await fell(rig, 'inner');
});
after(() => rig.close());

/** What may leave for this consumer: masked, and granted. */
const fit = { id: 'c-000001', name: '张*', address: { district: '示例区' } };
const record = (changes: object = {}): string => JSON.stringify({ ...full, ...changes });
const full = {
  ...fit,
  idNumber: '110***********001X',
  phone: '138****8000',
  income: { monthly: 1, taxBand: 1 },
};

/** A call that waits, and its request as the inner node opened it. */
async function asked(): Promise<{ answer: Promise<Answer>; request: OpenedMessage }> {
  const head = callHead(key, 'GET', '/citizens/c-000001');
  const answer = rig.outer.edge.request('call', head);
  answer.catch(() => {});
  let request: OpenedMessage | undefined;
  await until(async () => {
    request = (await inner.received()).find((one) => one.header.id === head.id);
    return request !== undefined;
  });
  assert.ok(request);
  return { answer, request };
}

function response(
  request: OpenedMessage,
  changes: Partial<ResponseHeader> = {},
  body = record(),
): Said & { header: ResponseHeader } {
  const header: ResponseHeader = {
    type: 'response',
    id: newId(),
    correlationId: request.header.id,
    requestDigest: request.digest,
    status: 200,
    headers: {},
    ...changes,
  };
  return { header, body };
}

test('an answer in its bounds is released', async () => {
  const { answer, request } = await asked();
  await inner.send(response(request));
  assert.deepEqual(JSON.parse(String((await answer).body)), full);
});

const answers: [string, (request: OpenedMessage) => Said, ErrorCode][] = [
  [
    'a field that is not granted',
    (one) => response(one, {}, record({ medical: { bloodType: 'A', chronic: true } })),
    'RESPONSE_REFUSED',
  ],
  ['a name in clear', (one) => response(one, {}, record({ name: '张三' })), 'RESPONSE_REFUSED'],
  [
    'a field that no schema knows',
    (one) => response(one, {}, record({ note: 'x' })),
    'RESPONSE_REFUSED',
  ],
  [
    'a header that the route does not name',
    (one) => response(one, { headers: { 'x-internal': '10.0.0.7' } }),
    'RESPONSE_REFUSED',
  ],
  ...[100, 201, 302, 500].map(
    (status) =>
      [
        `status ${status}, which the route does not name`,
        (one: OpenedMessage) => response(one, { status }, ''),
        'RESPONSE_REFUSED',
      ] as [string, (request: OpenedMessage) => Said, ErrorCode],
  ),
  ['404 with a body', (one) => response(one, { status: 404 }), 'RESPONSE_REFUSED'],
  ['text that is no JSON', (one) => response(one, {}, '<html>'), 'RESPONSE_REFUSED'],
  [
    'a code that does not cross',
    (one) => response(one, { error: 'CREDENTIAL_MISSING' }, ''),
    'PEER_REFUSED',
  ],
  ['a code of its inside', (one) => response(one, { error: 'HSM_PIN' }, ''), 'IN_DOUBT'],
];

for (const [what, make, code] of answers) {
  test(`an answer with ${what} ends the call with ${code} and nothing else`, async () => {
    const { answer, request } = await asked();
    await inner.send(make(request));
    await assert.rejects(answer, { code });
    const events = await rig.outer.events();
    const about = events.filter(({ exchangeId }) => exchangeId === request.header.id);
    assert.ok(about.some((event) => event.code === code));
    if (code === 'RESPONSE_REFUSED') {
      assert.ok(about.some((event) => event.event === 'refuse' && event.code === code));
    }
  });
}

test('an answer to nothing, to another request or of another type is refused; the call goes on', async () => {
  const [one, two] = [await asked(), await asked()];
  const said = (header: object): Said => ({ header: { id: newId(), ...header } as MessageHeader });
  const stray: [Said, ErrorCode][] = [
    [response(one.request, { correlationId: newId() }), 'EXCHANGE_UNKNOWN'],
    [response(one.request, { correlationId: two.request.header.id }), 'PACKAGE_MESSAGE'],
    [{ header: { ...one.request.header, id: newId() } }, 'PACKAGE_MESSAGE'],
    [said({ type: 'control', action: 'policy-wanted', version: 0 }), 'PACKAGE_MESSAGE'],
    [
      said({
        ...{ type: 'receipt', lane: 'outer-1/inner-1/import/interactive' },
        ...{ contiguous: 1_000_000, beyond: [], missing: [] },
      }),
      'PACKAGE_MESSAGE',
    ],
  ];
  await inner.send(...stray.map(([message]) => message));
  for (const [message, code] of stray) {
    assert.equal(await inner.refusal(message.header.id), code);
  }
  await inner.send(response(one.request), response(two.request, { status: 404 }, ''));
  assert.equal(((await one.answer).head as { status: number }).status, 200);
  assert.equal(((await two.answer).head as { status: number }).status, 404);
});

test('the first answer counts; further ones are refused', async () => {
  const { answer, request } = await asked();
  const [first, second, third] = [
    response(request),
    response(request, {}, record({ id: 'c-000002' })),
    response(request, {}, record({ id: 'c-000003' })),
  ];
  await inner.send(first, second);
  assert.equal(JSON.parse(String((await answer).body)).id, 'c-000001');
  await inner.send(third);
  for (const late of [second, third]) {
    assert.equal(await inner.refusal(late.header.id), 'MESSAGE_DUPLICATE');
  }
});

test('of policies in any order the newest counts, and what stands beside them is not lost', async () => {
  const bundle = async (version: number): Promise<Said> => {
    const content = { policy, version, issuer: 'inner-1', issuedAtMs: Date.now() };
    const body = await signData(Buffer.from(encodeBundle(content)), inner.signer);
    return { header: { type: 'policy', id: newId(), version }, body };
  };
  const { answer, request } = await asked();
  const [newer, older] = [await bundle(6), await bundle(5)];
  await inner.send(newer, older, response(request));
  assert.equal(await inner.refusal(older.header.id), 'POLICY_VERSION');
  assert.equal(((await answer).head as { status: number }).status, 200);
  const { head } = await rig.outer.admin.request('status');
  assert.equal((head as { policy: { version: number } }).policy.version, 6);
  await rig.outer.restartGuard();
  const after = (await rig.outer.admin.request('status')).head;
  assert.equal((after as { policy: { version: number } }).policy.version, 6);
});
