import { socketPath } from '../../config/home.ts';
import { readTlsIdentity, readUpstreamCa } from '../../config/tls-files.ts';
import { runEdge } from '../edge/run.ts';
import type { Start } from '../node.ts';

export const start: Start = async ({ paths, config }, _parts, log) => {
  const { listen, tls } = config.edge;
  const { ca } = config.upstreams;
  return runEdge({
    guardSocketPath: socketPath('.', 'guard'),
    edgeSocketPath: socketPath('.', 'edge'),
    ...(listen && {
      accept: {
        ...listen,
        ...(tls && { tls: readTlsIdentity(paths, 'edge') }),
      },
    }),
    ...(config.role === 'inner' && {
      upstream: ca === undefined ? {} : { ca: readUpstreamCa(ca) },
    }),
    log,
  });
};
