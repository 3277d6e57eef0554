/** What the edge hands over of signatures and certificates is enough to verify them, and nothing else. */
import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { test } from 'node:test';
import { readPem, spkiOf } from '@sallyport/shared/accounts/algorithms.ts';
import { verifyClientCertificate } from '@sallyport/shared/accounts/certificate.ts';
import { compileAccounts } from '@sallyport/shared/accounts/compile.ts';
import { verifySignature } from '@sallyport/shared/accounts/signature.ts';
import { newAuthority } from '../accounts/authority.ts';
import { newSigningKey, signRequest } from '../accounts/sign.ts';
import { startRig, tls } from './rig.ts';

const now = () => ({ nowMs: Date.now() + 1000, lateMs: 0 });
const key = newSigningKey('tax-1');
const publicKey = readPem(key.publicPem);
const ca = newAuthority('/O=Tax/CN=Root');
const subject = 'O=Tax, CN=tax-1';
const { signatures, certificates } = compileAccounts([
  {
    name: 'tax-bureau',
    credentials: [
      {
        ...{ type: 'http-signature', keyid: 'tax-1', algorithm: 'ecdsa-p256-sha256' },
        ...{ publicKey: publicKey ? spkiOf(publicKey) : '', components: [], maxAgeMs: 60_000 },
      },
      { type: 'certificate', ca: ca.der, subject },
    ],
  },
]);

test('a signed request can be verified from what the edge hands over', async (t) => {
  const rig = await startRig(t);
  const body = '{ "a": 1 }';
  const target = '/people/7?b=%20x&a=1';
  const host = `127.0.0.1:${rig.port}`;
  const components = [
    ...['@method', '@target-uri', '@authority', '@query', 'content-digest', 'content-type'],
    ...['idempotency-key', 'x-list'],
  ];
  const fields = { host, 'idempotency-key': 'once-1', 'x-list': '1, 2' };
  const given = { method: 'POST', target, body, fields, components };
  const signed = signRequest(key, given);
  const headers = { ...signed.fields, 'x-list': ['1', '2'] };
  await rig.send({ method: 'POST', path: target, headers }, body);
  const [call] = rig.guard.calls;
  assert.ok(call?.head.signed);
  const request = { ...call.head.signed, method: call.head.method, body: call.body };
  assert.equal(verifySignature(signatures, request, now()).holder.consumer, 'tax-bureau');
});

test('a call without signature has nothing of it', async (t) => {
  const rig = await startRig(t);
  await rig.send({ path: '/a' });
  const [call] = rig.guard.calls;
  assert.equal(call?.head.signed, undefined);
  assert.equal(call?.head.certificates, undefined);
});

test('the certificate of a client is handed over, whoever issued it; one without comes in too', async (t) => {
  const accept = { host: '127.0.0.1', port: 0, tls: { ...tls, clientCertificates: true } };
  const rig = await startRig(t, { accept });
  const leaf = ca.issue('/O=Tax/CN=tax-1');
  const foreign = newAuthority('/O=Tax/CN=Root').issue('/O=Tax/CN=tax-1');
  for (const { certificate, key: pem } of [leaf, foreign]) {
    const agent = new Agent({ ca: tls.cert, cert: certificate, key: pem });
    assert.equal((await rig.send({ path: '/a', agent })).status, 200);
    agent.destroy();
  }
  assert.equal((await rig.send({ path: '/a' })).status, 200);
  const [first, second, third] = rig.guard.calls.map(({ head }) => head.certificates);
  assert.deepEqual(first, [leaf.der]);
  const found = verifyClientCertificate(certificates, first ?? [], now());
  assert.equal(found.consumer, 'tax-bureau');
  assert.throws(() => verifyClientCertificate(certificates, second ?? [], now()), {
    code: 'CREDENTIAL_UNKNOWN',
  });
  assert.equal(third, undefined);
});

test('where certificates are not asked for, none is taken', async (t) => {
  const rig = await startRig(t);
  const { certificate, key: pem } = ca.issue('/O=Tax/CN=tax-1');
  const agent = new Agent({ ca: tls.cert, cert: certificate, key: pem });
  await rig.send({ path: '/a', agent });
  agent.destroy();
  assert.equal(rig.guard.calls[0]?.head.certificates, undefined);
});
