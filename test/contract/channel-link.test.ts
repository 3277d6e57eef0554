import { once } from 'node:events';
import { encodeHead, encodePart } from '@sallyport/shared/channel/link/frame.ts';
import { createLinkReceiver } from '@sallyport/shared/channel/link/receiver.ts';
import { createLinkSender } from '@sallyport/shared/channel/link/sender.ts';
import { closed, dialRaw, inner, innerAsPeer, outer, outerAsPeer } from '../channel/parties.ts';
import { channelContract } from './channel.ts';

channelContract('link', async () => {
  const host = '127.0.0.1';
  let port = 0;
  return {
    async receive(sink, bounds) {
      const { identity } = inner;
      const peer = outerAsPeer;
      const receiver = await createLinkReceiver({ host, port, identity, peer, sink, bounds });
      port = receiver.port;
      return receiver;
    },
    send: (events) =>
      createLinkSender({ host, port, identity: outer.identity, peer: innerAsPeer, events }),
    async tear(name, half) {
      const socket = dialRaw(port, outer.identity);
      await once(socket, 'secureConnect');
      const part = half.subarray(0, 200_000);
      socket.write(encodeHead('interactive', name, 2 * half.length));
      socket.write(encodePart('interactive', part.length));
      socket.end(part);
      await closed(socket);
    },
  };
});
