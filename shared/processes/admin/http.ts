/** Health and metrics on the management address: three GET routes, no state, nothing to change. */
import { createServer, type Server } from 'node:http';
import express, { type Express } from 'express';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Metrics } from './metrics.ts';
import { type checkReady, isReady } from './ready.ts';

export interface HttpSources {
  readonly ready: () => ReturnType<typeof checkReady>;
  readonly metrics: Metrics;
}

/** Listens. Errors: ADDRESS_IN_USE. */
export function listenHttp(
  address: { readonly host: string; readonly port: number },
  sources: HttpSources,
): Promise<Server> {
  const server = createServer(
    {
      maxHeaderSize: limits.edgeHeaderBytesMax,
      headersTimeout: limits.adminRequestTimeoutMs,
      requestTimeout: limits.adminRequestTimeoutMs,
      keepAliveTimeout: limits.adminRequestTimeoutMs,
    },
    createApp(sources),
  );
  server.maxConnections = limits.adminConnectionsMax;
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(tell(address, cause)));
    server.listen(address.port, address.host, () => resolve(server));
  });
}

function createApp({ ready, metrics }: HttpSources): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('case sensitive routing');
  app.use((_request, response, next) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  app.get('/healthz', (_request, response) => void response.json({ alive: true }));
  app.get('/readyz', async (_request, response) => {
    const { ready: checks, reasons, warnings } = await ready();
    const isWell = isReady(checks);
    response.status(isWell ? 200 : 503).json({ ready: isWell, checks, reasons, warnings });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  });
  app.use((_request, response) => void response.status(404).json({ error: 'not found' }));
  // Four parameters make it express's error handler; what went wrong is nobody's business out there.
  app.use(((_error, _request, response, _next) => {
    response.status(500).json({ error: 'failed' });
  }) satisfies express.ErrorRequestHandler);
  return app;
}

function tell(
  { host, port }: { readonly host: string; readonly port: number },
  cause: NodeJS.ErrnoException,
): SallyportError {
  if (cause.code === 'EADDRINUSE') {
    return new SallyportError('ADDRESS_IN_USE', `management address ${host}:${port} is taken`, {
      hint: 'stop what listens there, or change management in config.yaml',
      cause,
    });
  }
  return new SallyportError('CONFIG_INVALID', `cannot listen at ${host}:${port}: ${cause.code}`, {
    hint: 'name an address of this machine under management in config.yaml',
    cause,
  });
}
