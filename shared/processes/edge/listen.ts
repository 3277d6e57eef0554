/** The listening side: a TLS server, or a plain one that only this machine can reach. */
import { constants } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { createServer as createPlainServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https';
import { type AddressInfo, BlockList } from 'node:net';
import { SallyportError } from '../../errors.ts';
import type { EdgeLimits } from './limits.ts';

export interface AcceptOptions {
  /** Host name or address; resolved once. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM. Without it, only a loopback address may listen. */
  readonly tls?: {
    readonly key: string | Buffer;
    readonly cert: string | Buffer;
    /** Ask callers for a certificate; one that has none still comes in. The guard judges it. */
    readonly clientCertificates?: boolean;
  };
}

/** Where the edge really listens. */
export interface EdgeAddress {
  readonly host: string;
  readonly port: number;
  /** `https://[::1]:8443` */
  readonly url: string;
}

/** Forward secrecy and authenticated encryption only; the first three are TLS 1.3. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':');

/** An HTTP server that is strict and keeps the limits; it does not listen yet. CONFIG_INVALID (TLS). */
export function createEdgeServer(accept: AcceptOptions, bounds: EdgeLimits): Server {
  const options: ServerOptions = {
    maxHeaderSize: bounds.edgeHeaderBytesMax,
    headersTimeout: bounds.edgeHeadersTimeoutMs,
    requestTimeout: bounds.edgeRequestTimeoutMs,
    connectionsCheckingInterval: bounds.edgeTimeoutsCheckMs,
    keepAliveTimeout: bounds.edgeKeepAliveTimeoutMs,
    httpValidation: 'strict',
    joinDuplicateHeaders: false,
    // Asked for in call-head.ts, so that its absence is answered like any other fault.
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: () => false,
    noDelay: true,
  };
  const server = accept.tls ? tlsServer(accept.tls, options, bounds) : createPlainServer(options);
  // Node silently drops headers above this count: one more than allowed, and they are seen and refused.
  server.maxHeadersCount = bounds.edgeHeaderCountMax + 1;
  return server;
}

/** Listens. CONFIG_INVALID for an address that is not there or not allowed, ADDRESS_IN_USE. */
export async function listenAt(server: Server, accept: AcceptOptions): Promise<EdgeAddress> {
  const address = await resolve(accept.host);
  if (!accept.tls && !isLoopback(address)) {
    throw new SallyportError('CONFIG_INVALID', 'expected TLS or a loopback address, got neither', {
      hint: 'give the edge a key and a certificate, or listen at 127.0.0.1',
    });
  }
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) => fail(listenError(cause, accept)));
    server.listen(accept.port, address, done);
  });
  const bound = server.address() as AddressInfo;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  const scheme = accept.tls ? 'https' : 'http';
  return { host: bound.address, port: bound.port, url: `${scheme}://${host}:${bound.port}` };
}

function tlsServer(
  tls: NonNullable<AcceptOptions['tls']>,
  options: ServerOptions,
  bounds: EdgeLimits,
): Server {
  const asks = tls.clientCertificates ?? false;
  const tlsOptions: TlsOptions = {
    ...options,
    key: tls.key,
    cert: tls.cert,
    minVersion: 'TLSv1.2',
    ciphers,
    honorCipherOrder: true,
    // A session that is resumed keeps the caller's certificate and forgets the CAs that came with it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (asks ? constants.SSL_OP_NO_TICKET : 0),
    handshakeTimeout: bounds.edgeHeadersTimeoutMs,
    requestCert: asks,
    // Whose certificates count is the policy's to say, and the policy is the guard's.
    rejectUnauthorized: false,
  };
  try {
    return createTlsServer(tlsOptions);
  } catch (cause) {
    throw new SallyportError('CONFIG_INVALID', 'expected a TLS key and its certificate', {
      hint: 'check the PEM files of the edge: key and certificate must belong together',
      cause,
    });
  }
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new SallyportError('CONFIG_INVALID', `expected a host that resolves, got ${host}`, {
      hint: 'use an IP address of this machine',
      cause,
    });
  }
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  return loopback.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

function listenError(cause: NodeJS.ErrnoException, { host, port }: AcceptOptions): SallyportError {
  if (cause.code === 'EADDRINUSE') {
    return new SallyportError('ADDRESS_IN_USE', `expected ${host}:${port} to be free, got a user`, {
      hint: `stop what listens there (ss -ltnp 'sport = :${port}') or choose another port`,
      cause,
    });
  }
  return new SallyportError('CONFIG_INVALID', `cannot listen at ${host}:${port}: ${cause.code}`, {
    hint: 'use an address of this machine and a port that this user may bind',
    cause,
  });
}
