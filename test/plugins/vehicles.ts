/**
 * Two real nodes with the plug-ins of examples/plugins, one of each kind, in a folder of each, and behind
 * them a registry of vehicles. `moody` is one more, that does what the value says.
 */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type DemoPair, startPair } from '@sallyport/cli/demo/pair.ts';
import type { AuditEvent } from '@sallyport/shared/ports.ts';
import { untilReady } from '../faults/world.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { moody } from './sources.ts';

const examples = join(import.meta.dirname, '../../examples/plugins');
const files = ['china-workdays', 'hmac-header', 'id-birth-date', 'postal-area', 'vin'] as const;

/** Name of a file of the folder ▶ its digest. */
export type Digests = Readonly<Record<(typeof files)[number] | 'moody', string>>;

/** A folder with all of them. */
export function makeFolder(dir: string): Digests {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of files) {
    copyFileSync(join(examples, `${name}.ts`), join(dir, `${name}.ts`));
    chmodSync(join(dir, `${name}.ts`), 0o600);
  }
  writeFileSync(join(dir, 'moody.js'), moody, { mode: 0o600 });
  const names = [...files.map((name) => `${name}.ts`), 'moody.js'];
  const digests = names.map((name) => [
    name.replace(/\.\w+$/, ''),
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex'),
  ]);
  return Object.fromEntries(digests);
}

const dayOf = (ms: number): string =>
  new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Shanghai', dateStyle: 'short' }).format(ms);
const today = Date.now();
/** Around midnight it may be tomorrow while a test runs. */
const days = [-1, 0, 1].map((more) => dayOf(today + more * 86_400_000));

/** All of what the policy knows; `more` replaces lines. */
export function writePolicy(dir: string, digests: Digests, url = 'http://127.0.0.1:9'): string {
  const text = (maxLength: number) => ({ type: 'string', maxLength });
  const object = (properties: object, required: string[] = []) => ({
    type: 'object',
    properties,
    required,
  });
  const birth = { idNumber: text(18), birthDate: { type: 'string', format: 'date' } };
  const schemas = {
    'id.json': object({ id: text(20) }, ['id']),
    'vehicle.json': object({ postcode: text(20), remark: text(200), owner: object(birth) }),
    'report.json': object({ ...birth, note: text(200) }, ['idNumber', 'birthDate']),
    'word.json': object({ word: text(20), remark: text(200) }),
  };
  mkdirSync(join(dir, 'schemas'), { recursive: true });
  for (const [name, schema] of Object.entries(schemas)) {
    writeFileSync(join(dir, 'schemas', name), JSON.stringify(schema));
  }
  const table = { from: '2020-01-01', to: '2099-12-31' };
  const plugins = [
    { name: 'area', kind: 'transform', digest: digests['postal-area'], options: { digits: 3 } },
    { name: 'vin', kind: 'detector', digest: digests.vin },
    {
      ...{ name: 'open-days', kind: 'condition', digest: digests['china-workdays'] },
      options: { ...table, holidays: [], workdays: days },
    },
    {
      ...{ name: 'closed-days', kind: 'condition', digest: digests['china-workdays'] },
      options: { ...table, holidays: days, workdays: [] },
    },
    {
      ...{ name: 'births', kind: 'check', digest: digests['id-birth-date'] },
      options: { id: 'idNumber', birth: 'birthDate' },
    },
    {
      ...{ name: 'legacy', kind: 'authenticator', digest: digests['hmac-header'] },
      options: { maxAgeSeconds: 300 },
      headers: ['x-app-sign', 'x-app', 'x-app-time'],
    },
    { name: 'moody', kind: 'transform', digest: digests.moody },
  ];
  const route = (name: string, path: string, more: object, request: object = {}) => ({
    ...{ name, match: { methods: ['GET'], path: `/${path}/{id}` }, timeoutMs: 60_000 },
    request: { params: 'schemas/id.json', ...request },
    ...more,
  });
  const word = { schema: 'schemas/word.json' };
  const policy = {
    plugins,
    services: [
      {
        ...{ name: 'vehicles', owner: 'traffic-police', level: 'important' },
        upstream: { targets: [{ url }] },
        routes: [
          route('get', 'vehicles', {
            response: {
              schema: 'schemas/vehicle.json',
              masks: [{ field: '$.postcode', transform: 'plugin:area' }],
              detect: { plugins: ['vin'], open: ['$.owner.idNumber'] },
              checks: ['births'],
            },
          }),
          {
            ...{ name: 'report', match: { methods: ['POST'], path: '/reports' } },
            request: { body: 'schemas/report.json', checks: ['births'] },
            response: { statuses: [201], schema: 'schemas/word.json' },
          },
          route('moody', 'moody', {
            response: { ...word, masks: [{ field: '$.word', transform: 'plugin:moody' }] },
          }),
          route('plain', 'plain', { response: word }),
          route('shut', 'shut', { response: word }),
        ],
      },
    ],
    consumers: [
      { name: 'tax', credentials: [{ type: 'key' }] },
      { name: 'old-tax', credentials: [{ type: 'plugin', plugin: 'legacy', id: 'tax-legacy' }] },
    ],
    grants: [
      {
        ...{ consumer: 'tax', routes: ['vehicles/get'], fields: ['$'] },
        when: 'request.plugin("open-days") && request.method == "GET"',
      },
      { consumer: 'tax', routes: ['vehicles/report', 'vehicles/moody'], fields: ['$'] },
      { consumer: 'tax', routes: ['vehicles/plain'], fields: ['$'] },
      {
        ...{ consumer: 'tax', routes: ['vehicles/shut'], fields: ['$'] },
        when: 'request.plugin("closed-days")',
      },
      { consumer: 'old-tax', routes: ['vehicles/plain', 'vehicles/report'], fields: ['$'] },
    ],
  };
  // YAML takes JSON.
  writeFileSync(join(dir, 'policy.yaml'), JSON.stringify(policy, null, 2));
  return join(dir, 'policy.yaml');
}

export const secret = 'shared with an old system';

export interface Vehicles {
  readonly pair: DemoPair;
  readonly dir: string;
  readonly digests: Digests;
  readonly policy: string;
  /** What the registry was asked. */
  readonly asked: string[];
  /** Its answer to `/vehicles/ID` besides what it always says. */
  vehicle: object;
  folder(role: 'outer' | 'inner'): string;
  call(path: string, init?: CallInit): Promise<Answered>;
  /** Events of a node that the test looks for. */
  events(role: 'outer' | 'inner', event: string): Promise<AuditEvent[]>;
  close(): Promise<void>;
}

export interface CallInit {
  readonly method?: string;
  readonly body?: object;
  /** In place of the API key. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export const calm = {
  postcode: '110013',
  remark: 'nothing to say',
  owner: { idNumber: '310104197812160962', birthDate: '1978-12-16' },
};

export async function startVehicles(): Promise<Vehicles> {
  const dir = temporaryFolder();
  const asked: string[] = [];
  // Ends, where this fails half way, what it started until then.
  await using started = new AsyncDisposableStack();
  const service = createServer((incoming, answer) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const [, kind, id = ''] = (incoming.url ?? '').split('/');
    const body = kind === 'vehicles' ? vehicles.vehicle : { word: decodeURIComponent(id) };
    incoming.resume().on('end', () => {
      answer.writeHead(kind === 'reports' ? 201 : 200, { 'content-type': 'application/json' });
      answer.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  started.defer(() => service.close().closeAllConnections());
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const folder = (role: string): string => join(dir, role, 'plugins');
  let digests = {} as Digests;
  const configure = (text: string): string => {
    const role = /^role: (\w+)/m.exec(text)?.[1] ?? '';
    digests = makeFolder(folder(role));
    const secrets = join(dir, role, 'keys/plugins', digests['hmac-header']);
    mkdirSync(secrets, { recursive: true, mode: 0o700 });
    writeFileSync(join(secrets, 'tax-legacy'), secret, { mode: 0o600 });
    return `${text}\nplugins: { dir: plugins }\n`;
  };
  const pair = await startPair({ dir, channel: 'link', hsm: 'soft', configure, say: () => {} });
  started.defer(() => pair.stop());
  const issued = await pair.sallyport('consumer', 'key', 'issue', 'tax', '--dir', pair.inner);
  const policy = writePolicy(join(dir, 'policy'), digests, url);
  await pair.sallyport('policy', 'apply', policy, '--dir', pair.inner);
  await Promise.all([untilReady(pair.outer), untilReady(pair.inner)]);
  const target = { ...pair, key: issued.trim() };
  const all = started.move();
  const vehicles: Vehicles = {
    ...{ pair, dir, digests, policy, asked, folder, vehicle: calm },
    call: (path, init) => call(target, path, init),
    async events(role, event) {
      const text = await pair.sallyport('audit', 'show', '--dir', pair[role], '--json');
      const events = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as AuditEvent);
      return events.filter((one) => one.event === event);
    },
    close: () => all.disposeAsync(),
  };
  return vehicles;
}

function call(
  target: { readonly url: string; readonly caFile: string; readonly key: string },
  path: string,
  { method = 'GET', body, headers = { 'x-api-key': target.key } }: CallInit = {},
): Promise<Answered> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const type = text !== undefined && { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, target.url),
      { method, ca: readFileSync(target.caFile), headers: { ...headers, ...type } },
      (response) => {
        let got = '';
        response.setEncoding('utf8').on('data', (chunk) => (got += chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(got || '{}') }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}
