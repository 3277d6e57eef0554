import { readTlsIdentity, readUpstreamCa } from '../../config/tls-files.ts';
import { runEdge } from '../edge/run.ts';
import type { Start } from '../node.ts';

export const start: Start = async ({ home: { paths, config }, wires, log }) => {
  const { listen, tls, clientCertificates } = config.edge;
  const { ca } = config.upstreams;
  return runEdge({
    guard: wires('guard'),
    admin: wires('admin'),
    ...(listen && {
      accept: {
        ...listen,
        ...(tls && { tls: { ...readTlsIdentity(paths, 'edge'), clientCertificates } }),
      },
    }),
    ...(config.role === 'inner' && {
      upstream: ca === undefined ? {} : { ca: readUpstreamCa(ca) },
    }),
    log,
  });
};
