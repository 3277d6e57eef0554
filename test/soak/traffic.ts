/** All that consumers do, mixed, for a while: and nothing of it may leave a trace in the processes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from '../journey/rig.ts';
import { callEvenly, createConsumer, type Told } from './consumer.ts';
import type { SoakPair } from './pair.ts';

export interface Traffic {
  /** Kind of call ▶ status (and code) ▶ how often. */
  readonly endings: Map<string, Map<string, number>>;
  /** Endings that the kind of call does not allow. */
  readonly wrong: string[];
}

interface Kind {
  readonly name: string;
  readonly weight: number;
  /** Status, and code where there is one. */
  readonly allowed: RegExp;
  readonly make: (index: number) => Promise<Told>;
}

/** Answered; too late to wait for; or turned away, where the machine itself stood still for a moment. */
const answered = /^200$|^202$|^503 OVERLOADED$/;

/** Calls `perSecond` times a second, for `ms` or until `stopping`. */
export async function runTraffic(
  soak: SoakPair,
  perSecond: number,
  ms: number,
  seed: number,
  stopping: AbortSignal,
): Promise<Traffic> {
  const random = randomFrom(seed);
  const steady = createConsumer(soak, soak.keys.steady, 64);
  const quiet = createConsumer(soak, soak.keys.quiet, 4);
  const record = (index: number): string => `/records/r-${String(index % 1e6).padStart(6, '0')}`;
  const document = (bytes: number): string => JSON.stringify({ text: 'x'.repeat(bytes) });

  const kinds: Kind[] = [
    {
      ...{ name: 'record', weight: 40, allowed: answered },
      make: (index) => steady.call('GET', record(index)),
    },
    {
      ...{ name: 'record of another', weight: 10, allowed: answered },
      make: (index) => quiet.call('GET', record(index)),
    },
    {
      ...{ name: 'not waited, fetched', weight: 10, allowed: answered },
      async make(index) {
        const headers = { prefer: 'respond-async' };
        const told = await steady.call('GET', record(index), { headers });
        if (told.location === undefined) return told;
        await sleep(500);
        return steady.call('GET', told.location);
      },
    },
    {
      ...{ name: 'not waited, left', weight: 10, allowed: /^202$|^503 OVERLOADED$/ },
      make: (index) => steady.call('GET', record(index), { headers: { prefer: 'respond-async' } }),
    },
    {
      ...{ name: 'repeated under a key', weight: 5, allowed: answered },
      async make(index) {
        const more = { headers: { 'idempotency-key': `soak-${seed}-${index}` } };
        await steady.call('GET', record(index), more);
        return steady.call('GET', record(index), more);
      },
    },
    {
      ...{ name: 'large document', weight: 3, allowed: answered },
      make: () =>
        steady.call('POST', '/documents', { body: document(100_000 + random() * 600_000) }),
    },
    {
      ...{ name: 'refused: content', weight: 5, allowed: /^422 SCHEMA_REFUSED$/ },
      make: () => steady.call('POST', '/documents', { body: '{"text":1}' }),
    },
    {
      ...{ name: 'refused: grant', weight: 5, allowed: /^403 GRANT_MISSING$/ },
      make: () => quiet.call('POST', '/documents', { body: document(10) }),
    },
    {
      ...{ name: 'refused: credential', weight: 5, allowed: /^401 CREDENTIAL_UNKNOWN$/ },
      make: (index) =>
        steady.call('GET', record(index), { headers: { authorization: 'Bearer sp_unknown' } }),
    },
    {
      ...{ name: 'too slow a service', weight: 4, allowed: /^202$|^504 |^503 OVERLOADED$/ },
      make: (index) => steady.call('GET', `/late${record(index).slice('/records'.length)}`),
    },
    {
      ...{ name: 'new connection', weight: 3, allowed: answered },
      async make(index) {
        const passing = createConsumer(soak, soak.keys.steady, 1);
        const told = await passing.call('GET', record(index));
        await passing.close();
        return told;
      },
    },
  ];
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const choose = (): Kind | undefined => {
    let left = random() * total;
    return kinds.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
  };
  const traffic: Traffic = { endings: new Map(), wrong: [] };
  const one = async (index: number): Promise<void> => {
    const kind = choose();
    if (!kind) return;
    const { status, code } = await kind.make(index);
    const what = [status, code].filter((part) => part !== undefined).join(' ');
    const endings = traffic.endings.get(kind.name) ?? new Map<string, number>();
    traffic.endings.set(kind.name, endings.set(what, (endings.get(what) ?? 0) + 1));
    if (!kind.allowed.test(what)) traffic.wrong.push(`${kind.name}: ${what}`);
  };
  await callEvenly(perSecond, ms, one, stopping);
  await Promise.all([steady.close(), quiet.close()]);
  return traffic;
}
