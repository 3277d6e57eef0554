/** Callers who keep on calling, and what became of each of their calls. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { TestContext } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { randomFrom } from '../journey/rig.ts';
import { sleep, type World } from './world.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Record<string, unknown>;
}

export interface Caller {
  /** Rejects where no HTTP answer came. */
  call(method: string, path: string, more?: CallMore): Promise<Reply>;
  close(): void;
}

export interface CallMore {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly key?: string;
}

export function createCaller({ pair, key }: Pick<World, 'pair' | 'key'>): Caller {
  const ca = readFileSync(pair.caFile);
  const agent = new Agent({ keepAlive: true, maxSockets: 64, ca });
  return {
    call: (method, path, more = {}) =>
      new Promise((resolve, reject) => {
        const body = more.body === undefined ? undefined : JSON.stringify(more.body);
        const outgoing = request(
          new URL(path, pair.url),
          {
            ...{ method, agent },
            headers: {
              authorization: `Bearer ${more.key ?? key}`,
              ...(body !== undefined && { 'content-type': 'application/json' }),
              ...more.headers,
            },
          },
          (incoming) => {
            let text = '';
            incoming.setEncoding('utf8').on('data', (chunk) => (text += chunk));
            incoming.on('error', reject);
            incoming.on('end', () => {
              const { statusCode: status = 0, headers } = incoming;
              resolve({ status, headers, body: text === '' ? {} : JSON.parse(text) });
            });
          },
        );
        outgoing.on('error', reject);
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** What became of one change of address. */
export interface Change {
  readonly street: string;
  /** Made with an Idempotency-Key, and so repeated where no answer came. */
  readonly keyed: boolean;
  ending: 'acknowledged' | 'unknown' | 'refused' | undefined;
  /** HTTP status and code of the ending. */
  what: string;
}

export interface Ledger {
  readonly changes: Change[];
  /** Status (and code) → how many calls ended with it. */
  readonly endings: Map<string, number>;
  /** When connections of calls broke, of `performance.now()`. */
  readonly losses: number[];
  /** Calls that were not answered by the service. */
  readonly misses: Miss[];
  /** Answers with status 2xx that were not what they should have been. */
  readonly wrong: string[];
  calls: number;
  /** How long the slowest call took until it ended, ms. */
  slowestMs: number;
}

/** A call that ended with a refusal, in doubt or with its connection; times of `performance.now()`. */
export interface Miss {
  readonly what: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface Load {
  readonly ledger: Ledger;
  /**
   * A read and three changes at once, besides what the callers do, followed to their ends. Resolves with the
   * ids of their exchanges, as far as somebody was told.
   */
  volley(): Promise<string[]>;
  /** No new calls; resolves when every call has ended, those that were accepted included. */
  stop(): Promise<Ledger>;
}

const isAnswer = (what: string): boolean => what === '200' || what === '201';

const address = { province: '示例省', city: '示例市', district: '示例区' };
const people = makePeople(200, 1);

/** What does not tell whether the registry was asked. */
const doubtful: ReadonlySet<string> = new Set(['IN_DOUBT', 'DEADLINE_PASSED', 'UPSTREAM_TIMEOUT']);

/**
 * `callers` callers, each making one call after the other: reads, changes, and some that do not wait.
 * They end with the test at the latest, however it ends.
 */
export function startLoad(
  t: Pick<TestContext, 'after'>,
  world: World,
  callers: number,
  seed: number,
): Load {
  const caller = createCaller(world);
  const random = randomFrom(seed);
  const changes: Change[] = [];
  const ledger: Ledger = {
    changes,
    endings: new Map(),
    losses: [],
    misses: [],
    wrong: [],
    calls: 0,
    slowestMs: 0,
  };
  let stopping = false;
  let abandoned = false;
  t.after(() => {
    stopping = abandoned = true;
    caller.close();
  });

  /** Calls until an HTTP answer comes, where the call may be repeated. */
  const ask = async (
    again: boolean,
    ...args: Parameters<Caller['call']>
  ): Promise<Reply | undefined> => {
    for (;;) {
      try {
        return await caller.call(...args);
      } catch (thrown) {
        const { code } = thrown as NodeJS.ErrnoException;
        // Nobody listened: certainly nothing was sent.
        if (code !== 'ECONNREFUSED') ledger.losses.push(performance.now());
        if (abandoned || (code !== 'ECONNREFUSED' && !again)) return undefined;
        await sleep(50);
      }
    }
  };
  /** Follows a call that was accepted to its answer. */
  const follow = async (reply: Reply): Promise<Reply> => {
    let last = reply;
    while (last.status === 202 && !abandoned) {
      await sleep(150);
      last = (await ask(true, 'GET', String(reply.headers.location))) ?? last;
      // The gateway itself was away: the exchange is still there.
      if (last.body.code === 'NOT_READY') last = reply;
    }
    return last;
  };
  const end = (reply: Reply | undefined, startedMs: number): string => {
    const what = reply ? [reply.status, reply.body.code].filter(Boolean).join(' ') : 'lost';
    if (!isAnswer(what)) ledger.misses.push({ what, startedMs, endedMs: performance.now() });
    ledger.endings.set(what, (ledger.endings.get(what) ?? 0) + 1);
    return what;
  };
  const headers = (more: Record<string, string> = {}): Record<string, string> => ({
    ...more,
    ...(random() < 0.3 && { prefer: 'respond-async' }),
  });
  const readOne = async (): Promise<string> => {
    const citizen = people[Math.floor(random() * people.length)];
    if (!citizen) return '';
    const startedMs = performance.now();
    const first = await ask(true, 'GET', `/citizens/${citizen.id}`, { headers: headers() });
    const reply = first && (await follow(first));
    end(reply, startedMs);
    if (reply?.status !== 200) return exchangeOf(first);
    const { id, idNumber } = reply.body;
    const masked = `${citizen.idNumber.slice(0, 3)}${'*'.repeat(11)}${citizen.idNumber.slice(-4)}`;
    if (id !== citizen.id || idNumber !== masked) ledger.wrong.push(JSON.stringify(reply.body));
    return exchangeOf(first);
  };
  const change = async (keyed = random() < 0.5): Promise<string> => {
    const citizen = people[Math.floor(random() * people.length)];
    const street = `storm-${seed}-${changes.length}`;
    const made: Change = { street, keyed, ending: undefined, what: '' };
    changes.push(made);
    const startedMs = performance.now();
    const first = await ask(keyed, 'POST', `/citizens/${citizen?.id}/address-changes`, {
      headers: headers(keyed ? { 'idempotency-key': street } : {}),
      body: { ...address, street },
    });
    const reply = first && (await follow(first));
    made.what = end(reply, startedMs);
    const code = String(reply?.body.code ?? '');
    if (!reply || doubtful.has(code)) made.ending = 'unknown';
    else made.ending = reply.status === 201 ? 'acknowledged' : 'refused';
    if (reply?.status === 201 && !/^ac-\d{6}$/.test(String(reply.body.reference))) {
      ledger.wrong.push(JSON.stringify(reply.body));
    }
    return exchangeOf(first);
  };
  const timed = async (work: () => Promise<string>): Promise<string> => {
    ledger.calls += 1;
    const startedMs = performance.now();
    const exchange = await work();
    ledger.slowestMs = Math.max(ledger.slowestMs, Math.round(performance.now() - startedMs));
    return exchange;
  };
  const working = Array.from({ length: callers }, async () => {
    while (!stopping) {
      await timed(() => (random() < 0.6 ? readOne() : change()));
      await sleep(random() * 60);
    }
  });
  const volleys = new Set<Promise<string[]>>();
  return {
    ledger,
    volley() {
      const flying = Promise.all([
        timed(readOne),
        timed(() => change(true)),
        timed(() => change(false)),
        timed(() => change(false)),
      ]);
      volleys.add(flying);
      return flying;
    },
    async stop() {
      stopping = true;
      await Promise.all([...working, ...volleys]);
      caller.close();
      return ledger;
    },
  };
}

const exchangeOf = (reply: Reply | undefined): string =>
  String(reply?.headers['sallyport-exchange'] ?? '');
