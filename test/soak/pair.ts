/** Two real nodes with a policy of their own, and behind them a service that answers so many at once. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type DemoHsm, type DemoPair, startPair } from '@sallyport/cli/demo/pair.ts';
import { untilReady } from '../faults/world.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface SoakPair {
  readonly pair: DemoPair;
  readonly service: Service;
  /** Consumer ▶ its API key. */
  readonly keys: Readonly<Record<'steady' | 'quiet', string>>;
  close(): Promise<void>;
}

export async function startSoakPair(hsm: DemoHsm, pace: ServicePace): Promise<SoakPair> {
  const dir = temporaryFolder();
  // Ends, where this fails half way, what it started until then.
  await using started = new AsyncDisposableStack();
  const service = started.adopt(await startService(pace), (one) => one.close());
  const options = { dir, channel: 'link', hsm, say: () => {} } as const;
  const pair = started.adopt(await startPair(options), (one) => one.stop());
  const keys = await prepare(pair, dir, service.url);
  const all = started.move();
  return { pair, service, keys, close: () => all.disposeAsync() };
}

/** Keys, and the policy with this service in it. */
async function prepare(pair: DemoPair, dir: string, serviceUrl: string): Promise<SoakPair['keys']> {
  const issue = async (consumer: string): Promise<string> =>
    (await pair.sallyport('consumer', 'key', 'issue', consumer, '--dir', pair.inner)).trim();
  const keys = { steady: await issue('steady'), quiet: await issue('quiet') };
  const policyDir = join(dir, 'policy');
  cpSync(join(import.meta.dirname, 'policy'), policyDir, { recursive: true });
  const file = join(policyDir, 'policy.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replaceAll('http://127.0.0.1:9100', serviceUrl));
  await pair.sallyport('policy', 'apply', file, '--dir', pair.inner);
  await Promise.all([untilReady(pair.outer), untilReady(pair.inner)]);
  return keys;
}

export interface ServicePace {
  /** How many calls it works on at once; others wait in the service. */
  readonly atOnce: number;
  /** How long one takes. */
  readonly tookMs: number;
}

export interface Service {
  readonly url: string;
  /** Calls that it answered. */
  answered: number;
  close(): Promise<void>;
}

async function startService({ atOnce, tookMs }: ServicePace): Promise<Service> {
  const waiting: (() => void)[] = [];
  const late = new Set<NodeJS.Timeout>();
  let free = atOnce;
  const record = { name: '欧阳示例', notes: 'x'.repeat(900) };
  const service: Service = {
    ...{ url: '', answered: 0 },
    close: () =>
      new Promise((resolve) => {
        for (const timer of late) clearTimeout(timer);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const work = async (): Promise<void> => {
    if (free === 0) await new Promise<void>((turn) => waiting.push(turn));
    else free -= 1;
    await new Promise((done) => setTimeout(done, tookMs));
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  const answer = (response: ServerResponse, body: string): void => {
    service.answered += 1;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(body);
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(request);
    if (request.url?.startsWith('/late/')) {
      const timer = setTimeout(() => {
        late.delete(timer);
        answer(response, JSON.stringify(record));
      }, lateMs);
      late.add(timer);
      return;
    }
    await work();
    const id = request.url?.split('/').at(-1);
    answer(response, request.method === 'POST' ? body : JSON.stringify({ id, ...record }));
  };
  // Whoever calls lets idle connections go first, however busy the machine is.
  const options = { keepAliveTimeoutBuffer: 60_000 };
  const server = createServer(options, (request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(service, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
}

/** After every deadline of its route. */
const lateMs = 3_000;

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}
