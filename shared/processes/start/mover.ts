import { createDirectoryReceiver } from '../../channel/directory/receiver.ts';
import { createDirectorySender } from '../../channel/directory/sender.ts';
import { createLinkReceiver } from '../../channel/link/receiver.ts';
import { createLinkSender } from '../../channel/link/sender.ts';
import { readTlsIdentity } from '../../config/tls-files.ts';
import { readPeer } from '../../pairing/peer.ts';
import { reportTrouble } from '../child.ts';
import { runMover } from '../mover/run.ts';
import type { Start } from '../node.ts';

export const start: Start = async ({ home: { paths, config }, wires, log }) => {
  const peer = readPeer(paths, config);
  const { send, receive } = config.channel;
  const tls = { identity: readTlsIdentity(paths, 'link'), peer };
  return runMover({
    spoolOutDir: paths.spoolOut,
    spoolInDir: paths.spoolIn,
    guard: wires('guard'),
    admin: wires('admin'),
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
    tellTrouble: reportTrouble,
  });
};
