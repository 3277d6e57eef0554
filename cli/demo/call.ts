/** A consumer of the demo: a plain HTTPS client that trusts the outer node's certificate authority. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

export interface DemoCall {
  readonly consumer: string;
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

export interface DemoAnswer extends DemoCall {
  readonly status: number;
  readonly ms: number;
  readonly exchange: string;
  /** Parsed where the answer is JSON, else text. */
  readonly answer: unknown;
}

/** Makes one call. Rejects only where no HTTP answer came at all. */
export function makeCall(
  target: { url: string; caFile: string; key: string },
  call: DemoCall,
): Promise<DemoAnswer> {
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(call.path, target.url),
      {
        method: call.method,
        ca: readFileSync(target.caFile),
        headers: {
          authorization: `Bearer ${target.key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            ...call,
            status: response.statusCode ?? 0,
            ms: Math.round((performance.now() - startedMs) * 10) / 10,
            exchange: String(response.headers['sallyport-exchange'] ?? ''),
            answer: parse(text),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
