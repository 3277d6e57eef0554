/**
 * Two real nodes before a service that can do so much and no more, and consumers that ask twice and four
 * times as much. The service is the narrow place, so the test says the same on every machine.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Consumer, callEvenly, createConsumer, type Told } from '../soak/consumer.ts';
import { type SoakPair, startSoakPair } from '../soak/pair.ts';

/** 2 at once of 50 ms each: 40 calls a second. */
const pace = { atOnce: 2, tookMs: 50 };
const perSecond = 40;
const seconds = Number(process.env.SALLYPORT_OVERLOAD_SECONDS ?? 5);
let soak: SoakPair | undefined;

before(async () => {
  soak = await startSoakPair('soft', pace);
});
after(() => soak?.close());

const path = (index: number): string => `/records/r-${String(index).padStart(6, '0')}`;

for (const times of [2, 4]) {
  test(`at ${times} times its load each call is answered in time or refused at once`, async (t) => {
    assert.ok(soak);
    const { service, keys } = soak;
    const flood = createConsumer(soak, keys.steady);
    const quiet = createConsumer(soak, keys.quiet);
    t.after(() => Promise.all([flood.close(), quiet.close()]));
    const before = service.answered;
    const startedMs = performance.now();
    const ms = seconds * 1000;
    const [flooded, quieted] = await Promise.all([
      callEvenly(perSecond * times, ms, (index) => flood.call('GET', path(index))),
      callEvenly(5, ms, (index) => quiet.call('GET', path(index))),
    ]);
    const tookS = (performance.now() - startedMs) / 1000;
    const done = service.answered - before;
    t.diagnostic(`the service answered ${Math.round(done / tookS)}/s of ${perSecond}/s`);
    t.diagnostic(`flood: ${summary(flooded)}`);
    t.diagnostic(`quiet: ${summary(quieted)}`);
    for (const told of [...flooded, ...quieted]) assertTold(told);
    const refused = flooded.filter(({ code }) => code === 'OVERLOADED');
    assert.ok(refused.length > flooded.length / 4, 'what is too much is refused');
    const late = quieted.flatMap(({ location }) => location ?? []);
    const fetched = await Promise.all(late.map((location) => fetchAnswer(quiet, location)));
    const answers = [...quieted.filter(({ status }) => status !== 202), ...fetched];
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
      'who asks little is answered every time',
    );
  });
}

/** What a call that took too long to wait for ended with. */
async function fetchAnswer(consumer: Consumer, location: string): Promise<Told> {
  for (;;) {
    const told = await consumer.call('GET', location);
    if (told.status !== 202) return told;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** 200, or a refusal that says what it is and when to come again, or a place to fetch the answer. */
function assertTold({ status, code, retryAfter, location }: Told): void {
  if (status === 200) return;
  if (status === 202) return void assert.ok(location?.startsWith('/exchanges/'));
  assert.deepEqual({ status, code }, { status: 503, code: 'OVERLOADED' });
  assert.match(retryAfter ?? '', /^[1-9][0-9]?$/);
}

function summary(all: readonly Told[]): string {
  const counts = new Map<string, number>();
  for (const { status, code } of all) {
    const what = [status, code].filter(Boolean).join(' ');
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const times = all.flatMap(({ status, tookMs }) => (status === 200 ? [tookMs] : []));
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
  const ends = [...counts].map(([what, count]) => `${what}: ${count}`).join(', ');
  return `${ends}; answered p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}
