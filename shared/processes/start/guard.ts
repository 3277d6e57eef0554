import { dirname } from 'node:path';
import { limits } from '../../limits.ts';
import { readPeer } from '../../pairing/peer.ts';
import { certificateDer } from '../../pairing/trust-file.ts';
import { endAddons } from '../confined.ts';
import { expectYoungest } from '../guard/evidence.ts';
import { runGuard } from '../guard/run.ts';
import { openHomeStore } from '../guard/store.ts';
import type { Start } from '../node.ts';

export const start: Start = async ({ home: { paths, config }, parts, wires, log }) => {
  const peer = readPeer(paths, config);
  const { send, receive } = config.channel;
  const slow = send.kind === 'directory' || receive.kind === 'directory';
  const parties = {
    self: {
      nodeId: config.node,
      role: config.role,
      signCertificate: certificateDer(paths.certificate('sign')),
      decryptCertificate: certificateDer(paths.certificate('decrypt')),
    },
    peer: {
      nodeId: peer.nodeId,
      signCertificate: peer.signDer,
      decryptCertificate: peer.decryptDer,
    },
    spool: {
      outDir: paths.spoolOut,
      inDir: paths.spoolIn,
      refusedDir: paths.spoolRefused,
      archiveOutDir: paths.archiveOut,
      archiveInDir: paths.archiveIn,
    },
  };
  const store = await openHomeStore(paths.database, (opened) =>
    expectYoungest({ ...parties, store: opened }),
  );
  endAddons();
  return runGuard({
    ...parties,
    store,
    auditFiles: paths.auditFiles,
    auditEventsMax: config.audit.storeEventsMax,
    disks: [dirname(paths.database), paths.spoolOut, paths.spoolIn],
    wires,
    expiresMs: config.package.expiresMs,
    messagesMax: config.package.messagesMax,
    resendFirstMs: slow ? limits.resendFirstSlowMs : limits.resendFirstMs,
    heartbeatMs: slow ? limits.heartbeatSlowMs : limits.heartbeatMs,
    fourEyes: config.policy.fourEyes,
    scanners: config.scanners.map(({ name }) => name),
    hasPlugins: config.plugins !== undefined,
    journey: await parts.journey(),
    log,
  });
};
