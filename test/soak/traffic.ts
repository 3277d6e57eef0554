/** All that consumers do, mixed, for a while: and nothing of it may leave a trace in the processes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from '../journey/rig.ts';
import { callEvenly, createConsumer, type Told } from './consumer.ts';
import type { SoakPair } from './pair.ts';

/** How one call ended. */
export interface Ended {
  readonly kind: Kind;
  /** Status, and code where there is one. */
  readonly what: string;
  /** Of `performance.now()`. */
  readonly startedMs: number;
  readonly endedMs: number;
  /** What its caller waited for the last answer. */
  readonly tookMs: number;
}

export interface Kind {
  readonly name: string;
  readonly weight: number;
  /** All that it may end with where the pair has the processor that it wants. */
  readonly allowed: RegExp;
  /** And where it has not. Who is refused before admission is refused in any case. */
  readonly starved?: RegExp;
  readonly make: (index: number) => Promise<Told>;
}

/** Too late to wait for, or turned away. */
const late = /^202$|^503 OVERLOADED$/;
const turnedAway = /^503 OVERLOADED$/;

/** Calls `perSecond` times a second, for `ms` or until `stopping`. */
export async function runTraffic(
  soak: SoakPair,
  perSecond: number,
  ms: number,
  seed: number,
  stopping: AbortSignal,
): Promise<Ended[]> {
  const random = randomFrom(seed);
  const steady = createConsumer(soak, soak.keys.steady, 64);
  const quiet = createConsumer(soak, soak.keys.quiet, 4);
  const record = (index: number): string => `/records/r-${String(index % 1e6).padStart(6, '0')}`;
  const document = (bytes: number): string => JSON.stringify({ text: 'x'.repeat(bytes) });

  const kinds: Kind[] = [
    {
      ...{ name: 'record', weight: 40, allowed: /^200$/, starved: late },
      make: (index) => steady.call('GET', record(index)),
    },
    {
      ...{ name: 'record of another', weight: 10, allowed: /^200$/, starved: late },
      make: (index) => quiet.call('GET', record(index)),
    },
    {
      ...{ name: 'not waited, fetched', weight: 10, allowed: /^20[02]$/, starved: late },
      async make(index) {
        const headers = { prefer: 'respond-async' };
        const told = await steady.call('GET', record(index), { headers });
        if (told.location === undefined) return told;
        await sleep(500);
        return steady.call('GET', told.location);
      },
    },
    {
      ...{ name: 'not waited, left', weight: 10, allowed: /^202$/, starved: turnedAway },
      make: (index) => steady.call('GET', record(index), { headers: { prefer: 'respond-async' } }),
    },
    {
      ...{ name: 'repeated under a key', weight: 5, allowed: /^200$/, starved: late },
      async make(index) {
        const more = { headers: { 'idempotency-key': `soak-${seed}-${index}` } };
        await steady.call('GET', record(index), more);
        return steady.call('GET', record(index), more);
      },
    },
    {
      ...{ name: 'large document', weight: 3, allowed: /^200$/, starved: late },
      make: () =>
        steady.call('POST', '/documents', { body: document(100_000 + random() * 600_000) }),
    },
    {
      // Admission comes first: docs/spec/exchange.md.
      ...{ name: 'refused: content', weight: 5, allowed: /^422 SCHEMA_REFUSED$/ },
      starved: turnedAway,
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
      ...{ name: 'too slow a service', weight: 4, allowed: /^202$|^504 /, starved: turnedAway },
      make: (index) => steady.call('GET', `/late${record(index).slice('/records'.length)}`),
    },
    {
      ...{ name: 'new connection', weight: 3, allowed: /^200$/, starved: late },
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
  const one = async (index: number): Promise<Ended | undefined> => {
    const kind = choose();
    if (!kind) return undefined;
    const startedMs = performance.now();
    const { status, code, tookMs } = await kind.make(index);
    const what = [status, code].filter((part) => part !== undefined).join(' ');
    return { kind, what, startedMs, endedMs: performance.now(), tookMs };
  };
  const ended = await callEvenly(perSecond, ms, one, stopping);
  await Promise.all([steady.close(), quiet.close()]);
  return ended.filter((call) => call !== undefined);
}
