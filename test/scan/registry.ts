/** A service that takes and gives documents, two nodes before it, and scanners beside the nodes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type DemoPair, startPair } from '@sallyport/cli/demo/pair.ts';
import { eventsOf } from '@sallyport/cli/demo/trace.ts';
import type { AuditEvent, Role } from '@sallyport/shared/ports.ts';
import { untilReady } from '../faults/world.ts';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Of a problem. */
  readonly code: string | undefined;
}

export interface Documents {
  readonly pair: DemoPair;
  /** What reached the service: JSON, or the bytes of a file. */
  readonly taken: Buffer[];
  /** What it gives for `GET /documents/{id}`. */
  readonly given: Map<string, Buffer>;
  post(content: Buffer, name?: string): Promise<Answer>;
  call(method: string, path: string, body?: Buffer, contentType?: string): Promise<Answer>;
  events(role: Role): Promise<AuditEvent[]>;
  close(): Promise<void>;
}

const types = '[ pdf, text, zip, gzip, tar, png, docx, xml ]';
const policy = (url: string): string => `
services:
  - name: registry
    owner: civil-affairs
    level: important
    upstream: { targets: [ { url: ${url} } ], timeoutMs: 5000 }
    routes:
      - name: put
        match: { methods: [POST], path: /documents }
        timeoutMs: 60000
        deadlineMs: 90000
        request: { body: document.json, files: [ { field: $.content, types: ${types} } ] }
        response: { schema: taken.json }
      - name: get
        match: { methods: [GET], path: '/documents/{id}' }
        timeoutMs: 60000
        deadlineMs: 90000
        request: { params: id.json }
        response: { schema: document.json, files: [ { field: $.content, types: ${types} } ] }
      - name: raw
        match: { methods: [POST], path: /scans }
        request: { body: file.json, content: { format: file }, files: [ { field: $, types: [ pdf ] } ] }
        response: { schema: file.json, content: { format: file }, files: [ { field: $, types: [ pdf ] } ] }
      - name: plain
        match: { methods: [GET], path: /plain }
        response: { schema: taken.json }
consumers: [ { name: tax-bureau, credentials: [ { type: key } ] } ]
grants:
  - consumer: tax-bureau
    routes: [ registry/put, registry/get, registry/plain ]
    fields: [ $.taken, $.name, $.content ]
  - { consumer: tax-bureau, routes: [ registry/raw ], fields: [ $ ] }
`;
const text = { type: 'string', maxLength: 64 };
const file = { type: 'string', contentEncoding: 'base64' };
const schemas = {
  'document.json': {
    type: 'object',
    required: ['content'],
    properties: { name: text, content: file },
  },
  'taken.json': { type: 'object', properties: { taken: { type: 'integer' } } },
  'file.json': file,
  'id.json': { type: 'object', required: ['id'], properties: { id: text } },
};

/** `scanners`: lines under `scanners:` in the config.yaml of each node that has any. */
export async function startDocuments(
  dir: string,
  scanners: Partial<Record<Role, string>>,
): Promise<Documents> {
  const taken: Buffer[] = [];
  const given = new Map<string, Buffer>();
  // Ends, where this fails half way, what it started until then.
  await using started = new AsyncDisposableStack();
  const service = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part) => parts.push(part));
    incoming.on('end', () => {
      const isFile = incoming.url === '/scans';
      if (incoming.method === 'POST') taken.push(Buffer.concat(parts));
      const id = incoming.url?.split('/')[2] ?? '';
      const content = given.get(isFile ? 'scan' : id) ?? Buffer.alloc(0);
      response.writeHead(200, { 'content-type': isFile ? 'application/pdf' : 'application/json' });
      if (isFile) return response.end(content);
      const document = { name: 'a.pdf', content: content.toString('base64') };
      response.end(
        JSON.stringify(
          incoming.url?.startsWith('/documents/') ? document : { taken: taken.length },
        ),
      );
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  started.defer(() => service.close().closeAllConnections());
  const pair = await startPair({
    dir,
    channel: 'link',
    hsm: 'soft',
    say: () => {},
    configure(config) {
      const own = scanners[config.includes('role: inner') ? 'inner' : 'outer'];
      return own === undefined ? config : `${config}\nscanners:\n${own}\n`;
    },
  });
  started.defer(() => pair.stop());
  const shown = await pair.sallyport('consumer', 'key', 'issue', 'tax-bureau', '--dir', pair.inner);
  const folder = join(dir, 'policy');
  mkdirSync(folder);
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  writeFileSync(join(folder, 'policy.yaml'), policy(url));
  for (const [name, schema] of Object.entries(schemas)) {
    writeFileSync(join(folder, name), JSON.stringify(schema));
  }
  await pair.sallyport('policy', 'apply', join(folder, 'policy.yaml'), '--dir', pair.inner);
  await untilReady(pair.outer);
  await untilReady(pair.inner);
  const ca = readFileSync(pair.caFile);
  const call: Documents['call'] = (method, path, body, contentType = 'application/json') =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${shown.trim()}`,
        ...(body && { 'content-type': contentType, 'content-length': body.length }),
      };
      const outgoing = request(`${pair.url}${path}`, { method, headers, ca }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const bytes = Buffer.concat(parts);
          const media = response.headers['content-type'];
          const isProblem = media?.startsWith('application/problem+json');
          const code = isProblem ? String(JSON.parse(bytes.toString()).code) : undefined;
          resolve({ status: response.statusCode ?? 0, body: bytes, contentType: media, code });
        });
      });
      outgoing.on('error', reject).end(body);
    });
  const all = started.move();
  return {
    pair,
    taken,
    given,
    call,
    post: (content, name = 'a.pdf') =>
      call(
        'POST',
        '/documents',
        Buffer.from(JSON.stringify({ name, content: content.toString('base64') })),
      ),
    events: (role) => eventsOf(pair[role]),
    close: () => all.disposeAsync(),
  };
}
