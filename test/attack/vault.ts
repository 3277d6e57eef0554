/** A service full of secrets that answers well or badly, and the policy that lets one consumer see a part. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface Vault {
  readonly url: string;
  close(): void;
}

export interface Answers {
  readonly shown: string;
  readonly masked: string;
  readonly dropped: string;
  /** In answers that are refused. */
  readonly refused: string;
}

/** `/records/good…` answers well, whatever else is asked in one of the ways that are refused. */
export async function openVault({ shown, masked, dropped, refused }: Answers): Promise<Vault> {
  const good = { shown, masked, dropped };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const way = request.url?.split('/')[2]?.replace(/[^a-z].*/, '');
      const answer = (status: number, body: string): void => {
        response.writeHead(status, { 'content-type': 'application/json', etag: `"${refused}"` });
        response.end(body);
      };
      if (way === 'csv') {
        response.writeHead(200, { 'content-type': 'text/csv' });
        return response.end(`shown,masked\r\n${shown},"${refused}`);
      }
      if (way === 'file') {
        return answer(
          200,
          JSON.stringify({ file: Buffer.from(`%PDF-1.7 ${refused}`).toString('base64') }),
        );
      }
      if (request.method === 'POST') return answer(201, JSON.stringify({ shown }));
      if (way === 'good') return answer(200, JSON.stringify(good));
      if (way === 'garbage') return answer(200, `{"shown":"${refused}", ${refused}}`);
      if (way === 'other') return answer(200, JSON.stringify({ ...good, shown: { a: refused } }));
      if (way === 'reset') return void response.destroy();
      answer(500, JSON.stringify({ error: refused }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.close().closeAllConnections(),
  };
}

const text = { type: 'string', maxLength: 64 };
const closed = (properties: object) => ({
  ...{ type: 'object', additionalProperties: false, properties },
});

/** Writes the policy and its schemas; returns the file that `policy apply` takes. */
export function writeVaultPolicy(dir: string, url: string): string {
  mkdirSync(join(dir, 'schemas'), { recursive: true });
  const schemas = {
    id: { ...closed({ id: text }), required: ['id'] },
    query: closed({ q: text }),
    note: { ...closed({ note: text }), required: ['note'] },
    record: closed({ shown: text, masked: text, dropped: text }),
    records: { type: 'array', items: closed({ shown: text, masked: text }) },
    file: closed({ file: { type: 'string', contentEncoding: 'base64' } }),
  };
  for (const [name, schema] of Object.entries(schemas)) {
    writeFileSync(join(dir, 'schemas', `${name}.json`), JSON.stringify(schema));
  }
  const file = join(dir, 'policy.yaml');
  writeFileSync(file, policyText(url));
  return file;
}

/** A route that takes bodies in that format. */
const posted = (format: 'xml' | 'csv' | 'form' | 'ndjson'): string => `      - name: ${format}
        match: { methods: [POST], path: '/${format}' }
        request:
          body: schemas/${format === 'csv' || format === 'ndjson' ? 'records' : 'note'}.json
          content: { format: ${format}${format === 'xml' ? ', xml: { root: note }' : ''} }
        response: { statuses: [201], schema: schemas/record.json }
`;

const policyText = (url: string): string => `
services:
  - name: vault
    owner: keeper
    level: important
    upstream: { targets: [{ url: ${url} }], timeoutMs: 2000 }
    routes:
      - name: read
        match: { methods: [GET], path: '/records/{id}' }
        request: { params: schemas/id.json, query: schemas/query.json }
        response:
          schema: schemas/record.json
          masks: [{ field: $.masked, transform: keep, first: 3, last: 4 }]
      - name: write
        match: { methods: [POST], path: '/records/{id}' }
        request: { params: schemas/id.json, body: schemas/note.json }
        response: { statuses: [201], schema: schemas/record.json }
${(['xml', 'csv', 'form', 'ndjson'] as const).map(posted).join('')}      - name: file
        match: { methods: [POST], path: '/files' }
        request: { body: schemas/file.json, files: [{ field: $.file, types: [text], scan: 'off' }] }
        response: { statuses: [201], schema: schemas/record.json }
      - name: get-file
        match: { methods: [GET], path: '/records/file' }
        response: { schema: schemas/file.json, files: [{ field: $.file, types: [text], scan: 'off' }] }
      - name: get-csv
        match: { methods: [GET], path: '/records/csv' }
        response: { schema: schemas/records.json, content: { format: csv } }
consumers:
  - name: reader
    credentials: [{ type: key }]
grants:
  - consumer: reader
    routes: [vault/read]
    fields: [$.shown, $.masked]
  - consumer: reader
    routes: [vault/write, vault/xml, vault/csv, vault/form, vault/ndjson, vault/file]
    fields: [$.shown]
  - consumer: reader
    routes: [vault/get-file]
    fields: [$.file]
  - consumer: reader
    routes: [vault/get-csv]
    fields: ['$[*].shown']
`;
