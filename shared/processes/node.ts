/**
 * Wires the five processes of a node. The node's own main.ts says what makes it outer or inner: its
 * journey, and how to open an HSM (which this package must not know).
 */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createDirectoryReceiver } from '../channel/directory/receiver.ts';
import { createDirectorySender } from '../channel/directory/sender.ts';
import { createLinkReceiver } from '../channel/link/receiver.ts';
import { createLinkSender } from '../channel/link/sender.ts';
import type { NodeConfig } from '../config/config.ts';
import { type Home, type ProcessName, processNames, readHome, socketPath } from '../config/home.ts';
import { SallyportError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type Peer, readPeer } from '../pairing/peer.ts';
import type { Hsm, KeyName } from '../ports.ts';
import { openStore } from '../store/sqlite/open.ts';
import { runAdmin } from './admin/run.ts';
import { failStart, type Running, runChild } from './child.ts';
import { runEdge } from './edge/run.ts';
import type { GuardContext, Journey } from './guard/context.ts';
import { runGuard } from './guard/run.ts';
import { createLog, type Log } from './log.ts';
import { runMover } from './mover/run.ts';
import { runSigner } from './signer/signer.ts';

export interface NodeParts {
  readonly journey: (node: GuardContext) => Journey;
  readonly openHsm: (config: NodeConfig['hsm']) => Promise<Hsm>;
  /** Labels of the node's keys, from its keyspec. */
  readonly labels: (keyspec: string, node: string) => Record<KeyName, string>;
}

type Start = (home: Home, parts: NodeParts, log: Log) => Promise<Running>;

/** Runs one process of the node whose home is the working directory: `main.ts <process>`. */
export async function runProcess(parts: NodeParts, argv: readonly string[]): Promise<void> {
  const { name, home } = readStart(argv);
  const log = createLog(name, home.config.log.level);
  await runChild(name, log, () => starts[name](home, parts, log));
}

function readStart(argv: readonly string[]): { name: ProcessName; home: Home } {
  try {
    const name = processNames.find((one) => one === argv[0]);
    if (!name) throw new SallyportError('USAGE', `expected one of ${processNames.join(', ')}`);
    return { name, home: readHome('.') };
  } catch (thrown) {
    return failStart(thrown);
  }
}

const starts: Record<ProcessName, Start> = {
  signer: async ({ paths, config }, parts, log) =>
    runSigner({
      socketPath: socketPath('.', 'signer'),
      open: () => parts.openHsm(config.hsm),
      labels: parts.labels(readFileSync(paths.keyspec, 'utf8'), config.node),
      log,
    }),

  guard: async ({ paths, config }, parts, log) => {
    const peer = readPeer(paths, config);
    const spool = {
      outDir: paths.spoolOut,
      inDir: paths.spoolIn,
      refusedDir: paths.spoolRefused,
      archiveOutDir: paths.archiveOut,
      archiveInDir: paths.archiveIn,
    };
    const slow =
      config.channel.send.kind === 'directory' || config.channel.receive.kind === 'directory';
    return runGuard({
      self: {
        nodeId: config.node,
        role: config.role,
        signCertificate: derOf(paths.certificate('sign')),
        decryptCertificate: derOf(paths.certificate('decrypt')),
      },
      peer: {
        nodeId: peer.nodeId,
        signCertificate: peer.signDer,
        decryptCertificate: peer.decryptDer,
      },
      store: openStore(paths.database),
      spool,
      socketPath: socketPath('.', 'guard'),
      signerSocketPath: socketPath('.', 'signer'),
      expiresMs: config.package.expiresMs,
      resendFirstMs: slow ? limits.resendFirstSlowMs : limits.resendFirstMs,
      heartbeatMs: slow ? limits.heartbeatSlowMs : limits.heartbeatMs,
      journey: parts.journey,
      log,
    });
  },

  edge: async ({ paths, config }, _parts, log) => {
    const { listen, tls } = config.edge;
    const ca = config.upstreams.ca;
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
  },

  mover: async ({ paths, config }, _parts, log) => {
    const peer = readPeer(paths, config);
    const { send, receive } = config.channel;
    const tls = {
      identity: linkIdentity(paths),
      peer: { caPem: pemOf(peer), nodeId: peer.nodeId },
    };
    return runMover({
      spoolOutDir: paths.spoolOut,
      spoolInDir: paths.spoolIn,
      guardSocketPath: socketPath('.', 'guard'),
      moverSocketPath: socketPath('.', 'mover'),
      out: (events) =>
        send.kind === 'link'
          ? createLinkSender({ host: send.host, port: send.port, ...tls, events })
          : createDirectorySender({ dropDir: send.dir, events }),
      in: (sink) =>
        receive.kind === 'link'
          ? createLinkReceiver({ host: receive.host, port: receive.port, ...tls, sink })
          : createDirectoryReceiver({
              pickupDir: receive.dir,
              convention: receive.convention,
              sink,
            }),
      log,
    });
  },

  admin: async ({ paths, config }, _parts, log) => {
    let peer: Peer | undefined;
    try {
      peer = readPeer(paths, config);
    } catch (thrown) {
      log.warn({ err: thrown }, 'no peer');
    }
    return runAdmin({ dir: '.', config, peer, log });
  },
};

const derOf = (file: string): Buffer => new X509Certificate(readFileSync(file)).raw;

const pemOf = (peer: Peer): string => new X509Certificate(peer.caDer).toString();

const linkIdentity = (paths: Home['paths']) => ({
  key: readFileSync(paths.tlsKey('link'), 'utf8'),
  cert: readFileSync(paths.tlsCertificate('link'), 'utf8'),
});
