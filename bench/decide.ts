/**
 * CPU µs of one call's decision at the outer guard: who calls (authenticate), whether that was used before
 * (replay), which route, whether it is granted, what is left of its limits. Beside each the bare cryptography
 * that nobody can do without. Requests are signed beforehand, each with a nonce of its own.
 */
import {
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Call } from '@sallyport/outer-node/accept.ts';
import { identify } from '@sallyport/outer-node/identify.ts';
import { createReplays, type Replays } from '@sallyport/shared/accounts/replays.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { type CompiledPolicy, compilePolicy } from '@sallyport/shared/policy/compile.ts';
import { issueApiKey, newHashKey, withCredentials } from '@sallyport/shared/policy/credentials.ts';
import { decide, matchRoute } from '@sallyport/shared/policy/decide.ts';
import { schemaFilesOf } from '@sallyport/shared/policy/source.ts';
import { createAllowance } from '@sallyport/shared/processes/guard/allowance.ts';
import type { GuardContext } from '@sallyport/shared/processes/guard/context.ts';
import { type Machine, machine } from './machine.ts';
import { median } from './median.ts';

export interface DecideOptions {
  /** Calls in one measurement. */
  readonly calls: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

/** Medians over the rounds, CPU µs of one call. */
export interface DecideFigures {
  readonly credential: string;
  readonly cpuUs: number;
  /** The cryptography alone. */
  readonly baselineUs: number;
}

export interface DecideReport extends Machine {
  readonly calls: number;
  readonly rounds: number;
  readonly figures: readonly DecideFigures[];
}

const body = Buffer.from(
  '{"province":"示例省","city":"示例市","district":"示例区","street":"示例路 2 号"}',
);
const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
const path = '/citizens/c-000001/address-changes';

export function benchDecide({ calls, rounds, say }: DecideOptions): DecideReport {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { compiled, apiKey } = policyWith(ec.publicKey);
  const secret = createSecretKey(randomBytes(32));
  const base = Buffer.alloc(400, 'x');
  const signature = sign('sha256', base, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' });
  const [publicKey, dsaEncoding] = [createPublicKey(ec.privateKey), 'ieee-p1363'] as const;
  const verifyBare = () => verify('sha256', base, { key: publicKey, dsaEncoding }, signature);
  const works = [
    {
      credential: 'API key',
      make: (): Call => callOf({ apiKey }),
      baseline: () => createHmac('sha256', secret).update(apiKey).digest(),
    },
    {
      credential: 'signature, P-256, no body',
      make: (): Call => signedCall(ec.privateKey, 'GET', '/citizens/c-000001', Buffer.alloc(0)),
      baseline: verifyBare,
    },
    {
      credential: 'signature, P-256, body',
      make: (): Call => signedCall(ec.privateKey, 'POST', path, body),
      baseline: verifyBare,
    },
  ];
  const figures = works.map(({ credential, make, baseline }) => {
    const given = Array.from({ length: calls }, make);
    const took: number[] = [];
    const bare: number[] = [];
    // The first round warms up.
    for (let round = 0; round <= rounds; round += 1) {
      const run = deciding(compiled);
      const [cpuUs, baselineUs] = [cpuUsOf(given, run), cpuUsOf(given, baseline)];
      if (round === 0) continue;
      took.push(cpuUs);
      bare.push(baselineUs);
    }
    const figure = { credential, cpuUs: median(took), baselineUs: median(bare) };
    say(
      `${credential}: ${figure.cpuUs.toFixed(1)} µs, of it ${figure.baselineUs.toFixed(1)} µs bare`,
    );
    return figure;
  });
  return { ...machine(), calls, rounds, figures };
}

/** What journey.ts does with a call before its content, in its order. */
function deciding(compiled: CompiledPolicy): (call: Call) => void {
  const replays: Replays = createReplays([]);
  // The two verbs of the store that limits use; nothing is kept here.
  const store = { allowances: () => [], later: async () => {} } as unknown as GuardContext['store'];
  const log = { warn() {} } as unknown as GuardContext['log'];
  // Time stands still for it: nothing waits to be saved for too long.
  const allowance = createAllowance({ store, log, now: Date.now, steady: () => 0 });
  // However long the rounds take, no signature gets too old.
  const nowMs = Date.now();
  return (call) => {
    const consumer = identify(compiled, call, nowMs);
    if (consumer.signed) {
      replays.take({ ...consumer.signed.use, consumer: consumer.name, id: call.id });
    }
    const match = matchRoute(compiled, call.method, call.path);
    const { refusal } = allowance.take(decide(compiled, { consumer, match, nowMs }), nowMs);
    if (refusal) throw refusal;
  };
}

function policyWith(publicKey: KeyObject): { compiled: CompiledPolicy; apiKey: string } {
  const folder = join(import.meta.dirname, '../examples/citizen-registry/policy');
  const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
  const credentials = [
    { type: 'key' },
    { type: 'http-signature', keyid: 'tax-1', algorithm: 'ecdsa-p256-sha256', publicKey: pem },
  ];
  const text = readFileSync(join(folder, 'policy.yaml'), 'utf8')
    .replace('credentials: [{ type: key }]', `credentials: ${JSON.stringify(credentials)}`)
    .replaceAll('until: 2030-12-31', 'until: 2030-12-31\n    limits: { perMinute: 1000000000 }');
  const schemas = Object.fromEntries(
    schemaFilesOf(text).map((file) => [file, { text: readFileSync(join(folder, file), 'utf8') }]),
  );
  const { policy, faults } = checkPolicy({ file: 'policy.yaml', text, schemas });
  if (!policy) throw new Error(`expected a policy without faults, got ${JSON.stringify(faults)}`);
  const hashKey = newHashKey();
  const { key, record } = issueApiKey({ consumer: 'tax-bureau', hashKey, nowMs: Date.now() });
  return {
    compiled: compilePolicy(withCredentials(policy, { hashKey, keys: [record] }), 1),
    apiKey: key,
  };
}

function callOf(changes: Partial<Call>): Call {
  return {
    id: newId(),
    method: 'GET',
    path: '/citizens/c-000001',
    query: [],
    headers: {},
    body: Buffer.alloc(0),
    respondAsync: false,
    ...changes,
  };
}

function signedCall(key: KeyObject, method: string, target: string, content: Buffer): Call {
  const fields: Record<string, string> = { host: 'gw.example' };
  const names = ['@method', '@authority', '@path'];
  if (content.length > 0) {
    fields['content-digest'] = digest;
    fields['content-type'] = 'application/json';
    names.push('content-digest', 'content-type');
  }
  const nonce = randomBytes(12).toString('hex');
  const created = Math.floor(Date.now() / 1000);
  const list = names.map((name) => `"${name}"`).join(' ');
  const params = `(${list});created=${created};keyid="tax-1";nonce="${nonce}"`;
  const derived = { '@method': method, '@authority': fields.host, '@path': target };
  const values: Readonly<Record<string, string | undefined>> = { ...fields, ...derived };
  const lines = names.map((name) => `"${name}": ${values[name]}`);
  const base = Buffer.from([...lines, `"@signature-params": ${params}`].join('\n'));
  const signature = sign('sha256', base, { key, dsaEncoding: 'ieee-p1363' }).toString('base64');
  fields['signature-input'] = `sig1=${params}`;
  fields.signature = `sig1=:${signature}:`;
  const signed = { scheme: 'https', target, fields } as const;
  return callOf({ method, path: target, headers: fields, signed, body: content });
}

function cpuUsOf(calls: readonly Call[], work: (call: Call) => unknown): number {
  const before = process.cpuUsage();
  for (const call of calls) work(call);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls.length;
}
