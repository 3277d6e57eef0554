/** What has a beginning and an end, at two guards whose clock goes on: grants, credentials, tokens. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { asSallyportError } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { until } from '../until.ts';
import { type Rig, startRig } from './rig.ts';
import { newToken, signedCall, writePolicy } from './signing.ts';

const dayMs = 86_400_000;
const startMs = Date.now();
const dayAfter = (days: number): string =>
  `${new Date(startMs + days * dayMs).toISOString().slice(0, 19)}Z`;
let rig: Rig;
let key: string;

before(async () => {
  rig = await startRig({ seed: 5, upstream: async () => ({ status: 200, body: { ok: true } }) });
  const dir = await writePolicy();
  const file = join(dir, 'policy.yaml');
  const text = readFileSync(file, 'utf8')
    .replace('keyid: tax-1', `keyid: tax-1\n        until: ${dayAfter(1)}`)
    .replace(
      'fields: [ $.ok ] }',
      `fields: [ $.ok ], from: ${dayAfter(2)}, until: ${dayAfter(4)} }`,
    );
  writeFileSync(file, text);
  key = await rig.issueKey('keyed');
  await rig.applyPolicy(dir);
  await until(async () => {
    const { head } = await rig.outer.admin.request('status');
    return (head as { policy: unknown }).policy !== null;
  });
});
after(() => rig.close());

function later(days: number): void {
  rig.clock.offsetMs = days * dayMs;
}
const target = '/people/7';

async function codeOf(call: object): Promise<string> {
  try {
    const { head } = await rig.outer.edge.request('call', call);
    return String((head as { code?: string; status: number }).code ?? 'answered');
  } catch (thrown) {
    return asSallyportError(thrown).code;
  }
}

function plain(more: object): object {
  const { signed: _signed, ...call } = signedCall({ method: 'GET', target });
  return { ...call, id: newId(), headers: {}, ...more };
}

test('a grant is there from its beginning to its end', async () => {
  const byKey = () => codeOf(plain({ apiKey: key }));
  assert.equal(await byKey(), 'GRANT_EARLY');
  later(3);
  assert.equal(await byKey(), 'answered');
  later(5);
  assert.equal(await byKey(), 'GRANT_EXPIRED');
});

test('a credential ends, whatever is signed with it afterwards', async () => {
  later(3);
  const created = Math.floor((startMs + 3 * dayMs) / 1000);
  assert.equal(await codeOf(signedCall({ method: 'GET', target, created })), 'CREDENTIAL_EXPIRED');
});

test('a token ends', async () => {
  const authorization = `Bearer ${await newToken()}`;
  later(3);
  assert.equal(await codeOf(plain({ headers: { authorization } })), 'TOKEN_STALE');
});

test('each of them is an event of the boundary', async () => {
  const wanted = ['GRANT_EARLY', 'GRANT_EXPIRED', 'CREDENTIAL_EXPIRED', 'TOKEN_STALE'];
  await until(async () => {
    const events = await rig.outer.events();
    const codes = events.filter(({ event }) => event === 'refuse').map(({ code }) => code ?? '');
    return wanted.every((code) => codes.includes(code as (typeof codes)[number]));
  }, 20_000);
});
