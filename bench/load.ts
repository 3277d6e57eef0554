/**
 * The consumer load, in a process of its own: keeps `connections` calls in flight for `seconds` and reports
 * how many were answered and how long each took. Driven over the channel that fork() opens.
 */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';

export interface LoadOrder {
  readonly url: string;
  readonly caFile: string;
  readonly key: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly answered: number;
  readonly refused: number;
  readonly wallMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

process.on('message', (order: LoadOrder) => {
  void run(order).then((done) => process.send?.(done));
});
process.on('disconnect', () => process.exit(0));

async function run(order: LoadOrder): Promise<LoadResult> {
  const { connections, seconds } = order;
  const connect = { ca: readFileSync(order.caFile) };
  const pool = new Pool(order.url, { connections, pipelining: 1, connect });
  const headers = { authorization: `Bearer ${order.key}` };
  const untilMs = performance.now() + seconds * 1000;
  const tookMs: number[] = [];
  let refused = 0;
  const startedMs = performance.now();
  const one = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const sentMs = performance.now();
      const status = await call(pool, order.path, headers);
      if (status === 200) tookMs.push(performance.now() - sentMs);
      else refused += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  const wallMs = performance.now() - startedMs;
  await pool.destroy();
  tookMs.sort((a, b) => a - b);
  const at = (share: number): number => tookMs[Math.floor(tookMs.length * share)] ?? 0;
  return { answered: tookMs.length, refused, wallMs, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Status of one GET; 0 where no answer came. */
function call(pool: Pool, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    let status = 0;
    pool.dispatch(
      { path, method: 'GET', headers },
      {
        onRequestStart() {},
        onResponseStart(_controller, code) {
          status = code;
        },
        onResponseData() {},
        onResponseEnd() {
          resolve(status);
        },
        onResponseError() {
          resolve(0);
        },
      },
    );
  });
}
