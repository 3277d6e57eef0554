/**
 * A consumer with client certificates at two real nodes: certificates and revocation lists are made by
 * openssl, the handshakes are real, and connections stay open while the policy changes.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type DemoPair, startPair } from '@sallyport/cli/demo/pair.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { untilReady } from '../faults/world.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Issued, newAuthority } from './authority.ts';

const root = newAuthority('/O=Tax/CN=Root');
const namesake = newAuthority('/O=Tax/CN=Root');
const below = newAuthority('/O=Tax/CN=Below', root);
const [kept, lost] = [root.issue('/O=Tax/CN=tax-1'), root.issue('/O=Tax/CN=tax-1')];
const deep = below.issue('/O=Tax/CN=tax-1');

const service = createServer((_, answer) => {
  answer.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
});
let pair: DemoPair;
let policyDir: string;

before(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const dir = temporaryFolder();
  policyDir = temporaryFolder();
  const configure = (text: string): string =>
    text.replace(/^edge:\n/m, 'edge:\n  clientCertificates: true\n');
  pair = await startPair({ dir, channel: 'link', hsm: 'soft', configure, say: () => {} });
  writePolicy(`http://127.0.0.1:${(service.address() as AddressInfo).port}`);
  await applyList(root.revoke([]));
  await Promise.all([untilReady(pair.outer), untilReady(pair.inner)]);
});
after(async () => {
  await pair?.stop();
  service.close();
  service.closeAllConnections();
});

function writePolicy(url: string): void {
  const credential = {
    ...{ type: 'certificate', ca: root.certificate, subject: 'O=Tax, CN=tax-1' },
    crl: 'root.crl',
  };
  const route = {
    ...{ name: 'get', match: { methods: ['GET'], path: '/people' } },
    response: { schema: 'answer.json' },
  };
  const register = {
    ...{ name: 'register', owner: 'civil-affairs', level: 'important' },
    ...{ upstream: { targets: [{ url }] }, routes: [route] },
  };
  const policy = {
    services: [register],
    consumers: [{ name: 'tax', credentials: [credential] }],
    grants: [{ consumer: 'tax', routes: ['register/get'], fields: ['$.ok'] }],
  };
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } } };
  writeFileSync(join(policyDir, 'policy.yaml'), JSON.stringify(policy));
  writeFileSync(join(policyDir, 'answer.json'), JSON.stringify(schema));
}

/** A new list beside the policy, and the policy applied, as an operator does it. */
function applyList(crl: string): Promise<string> {
  writeFileSync(join(policyDir, 'root.crl'), crl);
  return pair.sallyport('policy', 'apply', join(policyDir, 'policy.yaml'), '--dir', pair.inner);
}

/** One connection at a time that stays open. */
const agentOf = ({ certificate, key }: Issued, more: object = {}): Agent =>
  new Agent({
    ...{ keepAlive: true, maxSockets: 1, ca: readFileSync(pair.caFile), cert: certificate, key },
    ...more,
  });

interface Answered {
  readonly status: number;
  readonly code: unknown;
  readonly socket: TLSSocket;
  /** The connection was open before. */
  readonly wasOpen: boolean;
}

const answered = (agent: Agent): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const asked = request(new URL('/people', pair.url), { agent }, (response) => {
      const socket = response.socket as TLSSocket;
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        const [status, { code }] = [response.statusCode ?? 0, JSON.parse(text)];
        resolve({ status, code, socket, wasOpen: asked.reusedSocket });
      });
    });
    asked.on('error', reject).end();
  });

/** Asks on the same connection until it is answered so. */
async function untilStatus(agent: Agent, status: number): Promise<Answered> {
  let answer: Answered | undefined;
  await until(async () => {
    answer = await answered(agent);
    return answer.status === status;
  });
  return answer ?? assert.fail();
}

const refusals = async (): Promise<AuditEvent[]> =>
  (await pair.sallyport('audit', 'show', '--dir', pair.outer, '--json'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ event, code }) => event === 'refuse' && code === 'CERTIFICATE_REFUSED');

const ok = (): Promise<Answered[]> =>
  Promise.all([agentOf(kept), agentOf(deep, { cert: deepChain })].map(untilAnswered));
const untilAnswered = (agent: Agent): Promise<Answered> => untilStatus(agent, 200);
const deepChain = deep.certificate + below.certificate;

test('a certificate of the CA is answered, directly and through a CA below; others are not', async () => {
  for (const one of [kept, lost]) assert.equal((await answered(agentOf(one))).status, 200);
  assert.equal((await answered(agentOf(deep, { cert: deepChain }))).status, 200);
  const foreign = await answered(agentOf(namesake.issue('/O=Tax/CN=tax-1')));
  assert.deepEqual([foreign.status, foreign.code], [401, 'CREDENTIAL_UNKNOWN']);
});

test('each connection proves the key anew: a session that a client kept is not gone on with', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    let session: Buffer | undefined;
    const first = agentOf(deep, { cert: deepChain, maxVersion });
    first.on('keylog', (_, socket: TLSSocket) => socket.on('session', (kept) => (session = kept)));
    assert.equal((await answered(first)).status, 200);
    const later = agentOf(deep, { cert: deepChain, maxVersion, session });
    const { status, socket } = await answered(later);
    assert.deepEqual([status, socket.isSessionReused()], [200, false], maxVersion);
  }
});

test('a new list is obeyed on connections that are open, and each refusal is recorded', async () => {
  const [held, other] = [agentOf(lost), agentOf(kept)];
  const [before] = await Promise.all([answered(held), answered(other)]);
  await applyList(root.revoke([lost]));
  const refused = await untilStatus(held, 403);
  assert.deepEqual([refused.code, refused.wasOpen], ['CERTIFICATE_REFUSED', true]);
  assert.equal(refused.socket, before.socket);
  assert.equal((await answered(agentOf(lost))).status, 403);
  assert.ok((await refusals()).length >= 2);
  const going = await answered(other);
  assert.deepEqual([going.status, going.wasOpen], [200, true]);
});

test('a CA below that was revoked lets nobody in, and comes back with another list', async () => {
  const held = agentOf(deep, { cert: deepChain });
  assert.equal((await answered(held)).status, 200);
  await applyList(root.revoke([below]));
  assert.equal((await untilStatus(held, 403)).wasOpen, true);
  await applyList(root.revoke([lost]));
  await ok();
});

test('a list of another CA, or one that is none, is not applied: what was in force goes on', async () => {
  for (const crl of [namesake.revoke([]), 'no list']) {
    await assert.rejects(applyList(crl), { code: 'POLICY_INVALID' });
  }
  assert.equal((await answered(agentOf(lost))).status, 403);
  assert.equal((await answered(agentOf(kept))).status, 200);
});

test('past the end of its list nobody comes in, until there is a new one', async () => {
  const held = agentOf(kept);
  assert.equal((await answered(held)).status, 200);
  await applyList(root.revoke([], 6));
  // Nothing is applied between the last answer and the refusal: time alone ends it.
  const refused = await untilStatus(held, 403);
  assert.deepEqual([refused.code, refused.wasOpen], ['CERTIFICATE_REFUSED', true]);
  assert.equal((await answered(agentOf(lost))).status, 403);
  await applyList(root.revoke([lost]));
  await ok();
  assert.equal((await answered(agentOf(lost))).status, 403);
});
