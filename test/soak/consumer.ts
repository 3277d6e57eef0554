/** A consumer that calls whether or not it was answered: an open loop, as the world outside is. */
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import type { SoakPair } from './pair.ts';

export interface Told {
  /** 0: the connection broke. */
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
  readonly tookMs: number;
}

export interface Consumer {
  call(method: 'GET' | 'POST', path: string, more?: CallMore): Promise<Told>;
  close(): Promise<void>;
}

export interface CallMore {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function createConsumer({ pair }: SoakPair, key: string, connections = 300): Consumer {
  const connect = { ca: readFileSync(pair.caFile) };
  // Well below the edge's own time, so that no call meets a connection that is just being closed.
  const pool = new Pool(pair.url, { connections, connect, keepAliveMaxTimeout: 4_000 });
  return {
    async call(method, path, { body, headers = {} } = {}) {
      const startedMs = performance.now();
      try {
        const response = await pool.request({
          ...{ method, path, body: body ?? null },
          headers: {
            authorization: `Bearer ${key}`,
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
        });
        const text = await response.body.text();
        const { 'retry-after': retryAfter, location } = response.headers;
        return {
          status: response.statusCode,
          code: response.statusCode >= 400 ? JSON.parse(text).code : undefined,
          retryAfter: retryAfter?.toString(),
          location: location?.toString(),
          tookMs: performance.now() - startedMs,
        };
      } catch {
        const tookMs = performance.now() - startedMs;
        return { status: 0, code: undefined, retryAfter: undefined, location: undefined, tookMs };
      }
    },
    close: () => pool.destroy(),
  };
}

/**
 * Calls at an even pace for so long or until `stopping`, without waiting for answers; resolves when all have
 * come.
 */
export async function callEvenly<T>(
  perSecond: number,
  ms: number,
  call: (index: number) => Promise<T>,
  stopping?: AbortSignal,
): Promise<T[]> {
  const calls: Promise<T>[] = [];
  const startedMs = performance.now();
  for (let nowMs = 0; nowMs < ms && !stopping?.aborted; nowMs = performance.now() - startedMs) {
    const due = Math.floor((nowMs * perSecond) / 1000);
    while (calls.length <= due) calls.push(call(calls.length));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return Promise.all(calls);
}
