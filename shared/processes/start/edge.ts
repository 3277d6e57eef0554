import { readFileSync } from 'node:fs';
import { socketPath } from '../../config/home.ts';
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
        ...(tls && {
          tls: {
            key: readFileSync(paths.tlsKey('edge'), 'utf8'),
            cert: readFileSync(paths.tlsCertificate('edge'), 'utf8'),
          },
        }),
      },
    }),
    ...(config.role === 'inner' && {
      upstream: ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') },
    }),
    log,
  });
};
