/** The baseline: a bare reverse proxy with TLS in front, undici dispatch behind, and nothing in between. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Pool } from 'undici';

const [upstream = '', key = '', cert = ''] = process.argv.slice(2);
const pool = new Pool(upstream, { connections: 128 });

const server = createServer(
  { key: readFileSync(key), cert: readFileSync(cert) },
  (request, response) => {
    pool.dispatch(
      { path: request.url ?? '/', method: 'GET', headers: [] },
      {
        onRequestStart() {},
        onResponseStart(_controller, status, headers) {
          const { 'content-type': type, 'content-length': length } = headers;
          response.writeHead(status, { 'content-type': `${type}`, 'content-length': `${length}` });
        },
        onResponseData(_controller, chunk) {
          response.write(chunk);
        },
        onResponseEnd() {
          response.end();
        },
        onResponseError() {
          response.destroy();
        },
      },
    );
  },
);
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  process.send?.({ url: `https://127.0.0.1:${port}` });
});
process.on('disconnect', () => process.exit(0));
