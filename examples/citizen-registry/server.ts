/**
 * The citizen registry: a plain JSON API as a department might run it, with invented people. It knows
 * nothing of Sallyport, which is the point. `openapi.json` beside it describes it.
 *
 *   node examples/citizen-registry/server.ts --port 9100 --count 5000 --seed 1
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { type Address, type Citizen, makePeople } from './people.ts';

export interface RegistryOptions {
  /** TCP port on 127.0.0.1; 0 takes a free one. */
  readonly port?: number;
  readonly count?: number;
  readonly seed?: number;
}

/** How often each operation ran: what a test asks to see that a call had one effect. */
export interface RegistryCalls {
  readonly get: number;
  readonly list: number;
  readonly change: number;
  readonly health: number;
}

export interface Registry {
  readonly url: string;
  readonly calls: RegistryCalls;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const bodyBytesMax = 64 * 1024;
const pageSizeMax = 200;

/** Starts the registry. Rejects with the system's error where the port is taken. */
export function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const { port = 0, count = 5000, seed = 1 } = options;
  const citizens = new Map(makePeople(count, seed).map((citizen) => [citizen.id, citizen]));
  const calls = { get: 0, list: 0, change: 0, health: 0 };

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const url = new URL(request.url ?? '/', 'http://registry');
    const [first, id, last, ...more] = url.pathname.slice(1).split('/');
    if (first === 'healthz' && id === undefined) {
      if (request.method !== 'GET') return problem(405, 'only GET is possible here');
      calls.health++;
      return { status: 200, body: { status: 'ok', citizens: citizens.size } };
    }
    if (first !== 'citizens' || more.length > 0) return problem(404, 'there is no such resource');
    if (last !== undefined && last !== 'address-changes') {
      return problem(404, 'there is no such resource');
    }
    if (request.method !== (last === undefined ? 'GET' : 'POST')) {
      return problem(405, `${request.method} is not possible here`);
    }
    if (id === undefined) {
      calls.list++;
      return list([...citizens.values()], url.searchParams);
    }
    const citizen = citizens.get(id);
    if (last === undefined) {
      calls.get++;
      return citizen ? { status: 200, body: citizen } : problem(404, 'there is no such citizen');
    }
    if (!citizen) return problem(404, 'there is no such citizen');
    const address = readAddress(await readJson(request));
    if (!address) return problem(400, 'expected province, city, district and street as text');
    calls.change++;
    citizens.set(id, { ...citizen, address });
    const reference = `ac-${String(calls.change).padStart(6, '0')}`;
    return { status: 201, body: { reference, citizen: id, address } };
  };

  const server = createServer({ keepAliveTimeoutBuffer }, (request, response) => {
    answer(request)
      .catch(() => problem(500, 'the registry failed'))
      .then((result) => send(response, result));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const bound = server.address();
      if (bound === null || typeof bound === 'string') return reject(new Error('no TCP address'));
      resolve({
        url: `http://127.0.0.1:${bound.port}`,
        calls,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}

/** So much longer than it says it leaves an idle connection open: whoever calls lets go first, ms. */
const keepAliveTimeoutBuffer = 60_000;

function list(all: readonly Citizen[], query: URLSearchParams): Answer {
  const page = wholeNumber(query.get('page') ?? '1', 1, 1_000_000);
  const size = wholeNumber(query.get('size') ?? '20', 1, pageSizeMax);
  if (page === undefined || size === undefined) {
    return problem(400, `expected page from 1 and size from 1 to ${pageSizeMax}`);
  }
  const district = query.get('district');
  const found = district === null ? all : all.filter((one) => one.address.district === district);
  const items = found.slice((page - 1) * size, page * size);
  return { status: 200, body: { total: found.length, page, size, items } };
}

function wholeNumber(text: string, low: number, high: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}

/** The parsed body, or undefined where it is too long or no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  if (bytes > bodyBytesMax) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function readAddress(value: unknown): Address | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { province, city, district, street } = value as Record<string, unknown>;
  if (!isText(province) || !isText(city) || !isText(district) || !isText(street)) return undefined;
  return { province, city, district, street };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 100;
}

/** RFC 9457 problem details. */
function problem(status: number, title: string): Answer {
  return { status, body: { type: 'about:blank', title, status } };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const bytes = Buffer.from(JSON.stringify(body));
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9100' },
      count: { type: 'string', default: '5000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const options = {
    port: Number(values.port),
    count: Number(values.count),
    seed: Number(values.seed),
  };
  const { url } = await startRegistry(options);
  process.stdout.write(
    `citizen registry at ${url}, ${options.count} invented ${options.count === 1 ? 'citizen' : 'citizens'}\n`,
  );
}
